import type { ObjectStore } from './object-store';
import { Registers } from './registers';

/** What every storage promises; `open` gives another view of the same storage, as another process has it. */
export function objectStoreConformance(
  name: string,
  open: () => Promise<{ first: ObjectStore; second: ObjectStore }>,
): void {
  describe(`${name} keeps objects`, () => {
    let first: ObjectStore;
    let second: ObjectStore;
    beforeAll(async () => {
      ({ first, second } = await open());
    });

    test('what was taken in is there for others, byte for byte, also nothing at all', async () => {
      const bytes = Buffer.from([0, 255, 10, 13]);
      expect(await first.create('whole/a', bytes)).toBe(true);
      expect(await first.create('whole/empty', Buffer.alloc(0))).toBe(true);
      expect(await second.read('whole/a')).toEqual(bytes);
      expect(await second.read('whole/empty')).toEqual(Buffer.alloc(0));
      expect(await second.read('whole/none')).toBeNull();
    });

    test('a name is given once: of many at once exactly one is first, and its bytes stay', async () => {
      const writers = Array.from({ length: 16 }, (_, i) =>
        (i % 2 ? first : second).create('race/name', Buffer.from(`writer ${i}`)),
      );
      const won = (await Promise.all(writers)).flatMap((created, i) => (created ? [i] : []));
      expect(won).toHaveLength(1);
      expect(String(await first.read('race/name'))).toBe(`writer ${won[0]}`);
      expect(await second.create('race/name', Buffer.from('late'))).toBe(false);
      expect(String(await second.read('race/name'))).toBe(`writer ${won[0]}`);
    });

    test('what was removed is gone, and removing it again is nothing', async () => {
      await first.create('gone/a', Buffer.from('a'));
      await second.remove('gone/a');
      await first.remove('gone/a');
      expect(await first.read('gone/a')).toBeNull();
      expect(await first.create('gone/a', Buffer.from('b'))).toBe(true);
    });

    test('lists names in the order of their bytes, page by page', async () => {
      const names = ['a', 'a-b', 'a.b', 'a/b', 'a/c/d', 'a0', 'b/~', 'b/A', 'b/z'].flatMap((each) =>
        each === 'a' ? [] : [`list/${each}`],
      );
      for (const each of names) await first.create(each, Buffer.from(each));
      const sorted = [...names].sort((x, y) => (x < y ? -1 : 1));
      expect(await second.list('list/', { limit: 100 })).toEqual(sorted);
      for (const limit of [1, 2, 3]) {
        const found: string[] = [];
        for (let after = ''; ; ) {
          const page = await first.list('list/', { after, limit });
          found.push(...page);
          if (page.length < limit) break;
          after = page.at(-1)!;
        }
        expect(found).toEqual(sorted);
      }
      expect(await first.list('list/a', { limit: 100 })).toEqual(
        sorted.filter((n) => n.startsWith('list/a')),
      );
      expect(await first.list('list/b/', { after: 'list/b/A~', limit: 9 })).toEqual(['list/b/z', 'list/b/~']);
      expect(await first.list('nothing/', { limit: 9 })).toEqual([]);
    });

    test.each(['../a', 'a/../b', '/a', 'a//b', 'a/', 'a b', '', `a/${'x'.repeat(201)}`])(
      'refuses the name %p',
      async (bad) => {
        await expect(first.create(bad, Buffer.alloc(0))).rejects.toThrow('not the name of an object');
        await expect(first.read(bad)).rejects.toThrow('not the name of an object');
      },
    );

    test('a register moves by compare-and-swap: of many at once exactly one wins each generation', async () => {
      const registers = [new Registers(first), new Registers(second)];
      let won = 0;
      const contend = async (registry: Registers, who: number) => {
        for (let round = 0; round < 5; round++) {
          for (;;) {
            const version = await registry.read('registers/counter');
            const generation = version?.generation ?? 0;
            const count = Number(version?.value.toString() ?? 0);
            expect(count).toBe(generation);
            if (await registry.swap('registers/counter', generation, Buffer.from(String(count + 1)))) break;
          }
          won++;
          void who;
        }
      };
      await Promise.all(Array.from({ length: 6 }, (_, i) => contend(registers[i % 2]!, i)));
      expect(won).toBe(30);
      expect(await registers[0]!.read('registers/counter')).toMatchObject({ generation: 30 });
      const history = await registers[1]!.history('registers/counter', 30, 3);
      expect(history.map(({ generation, value }) => [generation, String(value)])).toEqual([
        [29, '29'],
        [28, '28'],
        [27, '27'],
      ]);
    });

    test('whoever slept through generations that are forgotten has lost', async () => {
      const registers = new Registers(first, 2);
      for (let i = 0; i < 9; i++) {
        expect(await registers.swap('registers/short', i, Buffer.from(String(i)))).toBe(true);
      }
      for (const expected of [0, 1, 3]) {
        expect(await registers.swap('registers/short', expected, Buffer.from('late'))).toBe(false);
      }
      expect(await registers.read('registers/short')).toMatchObject({
        generation: 9,
        value: Buffer.from('8'),
      });
      await registers.remove('registers/short');
      expect(await registers.read('registers/short')).toBeNull();
    });
  });
}
