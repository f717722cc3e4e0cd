import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf } from './audit/audit-log';
import { SEGMENT_BYTES } from './deltas/delta-record';
import { revokedOf } from './leases/revoked';
import { HOUR, sample, TestService } from './service.fixture';
import { eraseTenant } from './tenant/erase-tenant';
import { timedName } from './tenant/tenants';

jest.setTimeout(120_000);

/** Every file of a folder, as paths. */
function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

describe('what the store promises', () => {
  const opened: TestService[] = [];
  const open = async (...options: Parameters<typeof TestService.open>) => {
    const service = await TestService.open(...options);
    opened.push(service);
    return service;
  };
  afterAll(() => {
    for (const { folder } of opened) rmSync(folder, { recursive: true, force: true });
  });

  describe('1: same bytes, same id', () => {
    test('publishing again, in other pieces, changes nothing', async () => {
      const store = await open();
      const { file, digest, data } = sample(1);
      expect(await store.publish('acme', file, 1)).toEqual({ digest, existed: false });
      const before = await store.used('acme');
      expect(await store.publish('acme', file, 999)).toEqual({ digest, existed: true });
      expect(await store.used('acme')).toEqual(before);
      expect(before).toEqual({ bytes: data.length, versions: 1 });
    });

    test('one flipped bit anywhere is refused, and nothing is left of it', async () => {
      const store = await open();
      const { file, digest, data } = sample(2, { hidden: 16 });
      await store.publish('acme', sample(3, { hidden: 16 }).file);
      const before = files(join(store.folder, 'objects', 'data')).filter((path) => path.includes('/blobs/'));
      let seed = 5;
      for (let round = 0; round < 60; round++) {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
        const bad = Buffer.from(file);
        bad[seed % bad.length]! ^= 1 << (round % 8);
        // Another base in the manifest makes another delta, with another id; nothing makes another one with this.
        const outcome = await store.publish('acme', bad).catch((error) => error);
        if (outcome.name === 'DeltaError') continue;
        expect(outcome.digest).toMatch(/^sha256:/);
        expect(outcome.digest).not.toBe(digest);
        expect(seed % bad.length).toBeLessThan(file.length - data.length);
        await store.delete('acme', outcome.digest);
      }
      const after = files(join(store.folder, 'objects', 'data')).filter((path) => path.includes('/blobs/'));
      expect(after).toEqual(before);
      expect((await store.used('acme')).versions).toBe(1);
    });

    test('stored bytes that went bad are never given out', async () => {
      const store = await open();
      // Two segments and a bit.
      const { file, digest, data } = sample(4, { hidden: 65_536, layers: 70 });
      await store.publish('acme', file, 2 ** 20);
      expect(data.length).toBeGreaterThan(2 * SEGMENT_BYTES);
      expect((await store.fetch('acme', digest)).equals(data)).toBe(true);
      for (const at of [1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, data.length]) {
        expect((await store.fetch('acme', digest, at)).equals(data.subarray(at))).toBe(true);
      }
      await expect(store.fetch('acme', digest, data.length + 1)).rejects.toMatchObject({
        failure: 'invalid',
      });
      const segments = files(store.folder)
        .filter((path) => path.includes('/blobs/'))
        .sort();
      expect(segments).toHaveLength(3);
      const [first, second, third] = segments as [string, string, string];
      const good = readFileSync(second);
      const bad = Buffer.from(good);
      bad[1000]! ^= 4;
      writeFileSync(second, bad);
      await expect(store.fetch('acme', digest)).rejects.toMatchObject({ failure: 'corrupt' });
      // What is before and behind it is still good.
      expect((await store.fetch('acme', digest, 2 * SEGMENT_BYTES)).length).toBe(
        data.length - 2 * SEGMENT_BYTES,
      );
      // Another segment of the same delta in its place is no better; nor is a cut or a missing one.
      cpSync(first, second);
      await expect(store.fetch('acme', digest)).rejects.toMatchObject({ failure: 'corrupt' });
      writeFileSync(second, good.subarray(0, 100));
      await expect(store.fetch('acme', digest)).rejects.toMatchObject({ failure: 'corrupt' });
      writeFileSync(second, good);
      rmSync(third);
      await expect(store.fetch('acme', digest)).rejects.toMatchObject({ failure: 'corrupt' });
    });
  });

  describe('2: refused at publish', () => {
    test('over each quota, by name and limit, and room comes back', async () => {
      const { data } = sample(1);
      const limits = { bytes: data.length * 3, versions: 2, publishesPerMinute: 3 };
      const store = await open({ limits });
      const one = await store.publish('acme', sample(1).file);
      await store.publish('acme', sample(2).file);
      await expect(store.publish('acme', sample(3).file)).rejects.toMatchObject({
        failure: 'quota',
        message: 'quota of versions: 3, limit 2',
      });
      // Another tenant has its own.
      await store.publish('other', sample(3).file);
      await store.delete('acme', one.digest);
      expect((await store.used('acme')).versions).toBe(1);
      await store.publish('acme', sample(4).file);
      await store.delete('acme', sample(2).digest);
      await expect(store.publish('acme', sample(5).file)).rejects.toMatchObject({
        message: 'quota of publishes per minute: 4, limit 3',
      });
      store.now += 60_000;
      await expect(store.publish('acme', sample(5, { hidden: 4000 }).file)).rejects.toMatchObject({
        message: expect.stringMatching(/^quota of bytes: \d+, limit 768$|at most 768$|limit 768/),
      });
      expect((await store.publish('acme', sample(5).file)).existed).toBe(false);
    });

    test('a stream that breaks off leaves nothing but its count in the minute', async () => {
      const store = await open();
      const { file } = sample(6, { hidden: 50_000 });
      const space = await store.service.tenants.findOrMake('acme');
      async function* broken() {
        yield file.subarray(0, 100_000);
        throw new Error('the line went dead');
      }
      await expect(store.service.publisher.publish(space, broken())).rejects.toThrow('the line went dead');
      await expect(store.publish('acme', file.subarray(0, file.length - 1))).rejects.toMatchObject({
        failure: 'truncated',
      });
      await expect(store.publish('acme', Buffer.concat([file, Buffer.from([0])]))).rejects.toMatchObject({
        failure: 'wrong-shape',
      });
      expect(await store.used('acme')).toEqual({ bytes: 0, versions: 0 });
      expect(files(store.folder).filter((path) => path.includes('/blobs/'))).toEqual([]);
    });

    test('a chunk that is empty or above 1 MiB is refused by name', async () => {
      const store = await open();
      const space = await store.service.tenants.findOrMake('acme');
      for (const size of [0, 2 ** 20 + 1]) {
        async function* one() {
          yield Buffer.alloc(size);
        }
        await expect(store.service.publisher.publish(space, one())).rejects.toThrow(
          `chunk: ${size} bytes, must be 1 to 1048576`,
        );
      }
    });
  });

  describe('3: versions are immutable, aliases move by compare-and-swap', () => {
    test('two that race, each through a store of its own: exactly one wins each generation', async () => {
      const one = await open();
      const two = await open({}, one.folder);
      const digests = await Promise.all(
        [1, 2].map(async (seed) => (await one.publish('acme', sample(seed).file)).digest),
      );
      for (let generation = 0; generation < 8; generation++) {
        const outcomes = await Promise.allSettled([
          one.setAlias('acme', 'user/prod', digests[0]!, generation),
          two.setAlias('acme', 'user/prod', digests[1]!, generation),
        ]);
        const won = outcomes.filter(({ status }) => status === 'fulfilled');
        const lost = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
        expect(won).toHaveLength(1);
        expect(lost[0]!.reason).toMatchObject({ failure: 'conflict' });
        const space = (await one.service.tenants.find('acme'))!;
        const state = await two.service.aliases.require(space, 'user/prod');
        expect(state).toMatchObject({ generation: generation + 1 });
        expect(state).toEqual((won[0] as PromiseFulfilledResult<object>).value);
      }
      const space = (await one.service.tenants.find('acme'))!;
      const history = await one.service.aliases.history(space, 'user/prod', Number.POSITIVE_INFINITY, 100);
      expect(history.map(({ generation }) => generation)).toEqual([8, 7, 6, 5, 4, 3, 2, 1]);
    });

    test('a generation that lies ahead, or behind, is not the expected one; a deleted alias goes on rising', async () => {
      const store = await open();
      const { digest } = await store.publish('acme', sample(1).file);
      const space = (await store.service.tenants.find('acme'))!;
      await expect(store.setAlias('acme', 'a', digest, 5)).rejects.toMatchObject({ failure: 'conflict' });
      await store.setAlias('acme', 'a', digest, 0);
      await store.service.aliases.delete(space, 'a', 1);
      await expect(store.service.aliases.require(space, 'a')).rejects.toMatchObject({ failure: 'not-found' });
      await expect(store.setAlias('acme', 'a', digest, 0)).rejects.toMatchObject({ failure: 'conflict' });
      expect(await store.setAlias('acme', 'a', digest, 2)).toMatchObject({ generation: 3 });
      await expect(store.setAlias('acme', 'a', sample(9).digest, 3)).rejects.toMatchObject({
        failure: 'not-found',
      });
    });

    test('an id is never used again after its deletion, also when its bytes are gone', async () => {
      const store = await open();
      const { file, digest } = sample(1);
      await store.publish('acme', file);
      await store.delete('acme', digest);
      await expect(store.fetch('acme', digest)).rejects.toMatchObject({ failure: 'revoked' });
      await expect(store.publish('acme', file)).rejects.toMatchObject({ failure: 'revoked' });
      await expect(store.setAlias('acme', 'a', digest, 0)).rejects.toMatchObject({ failure: 'revoked' });
      await expect(store.delete('acme', digest)).rejects.toMatchObject({ failure: 'revoked' });
      expect(files(store.folder).filter((path) => path.includes('/blobs/'))).toEqual([]);
      // It is no business of another tenant.
      expect((await store.publish('other', file)).existed).toBe(false);
    });

    test.each(['', '/a', 'A', 'a b', '../x', 'a'.repeat(129), '-a', 'é'])(
      'the alias %p is refused by name',
      async (name) => {
        const store = await open();
        const { digest } = await store.publish('acme', sample(1).file);
        await expect(store.setAlias('acme', name, digest, 0)).rejects.toThrow(/^name: must be 1 to 128 of/);
      },
    );

    test('aliases are listed by prefix, page by page', async () => {
      const store = await open();
      const { digest } = await store.publish('acme', sample(1).file);
      const names = ['a', 'b/1', 'b/2', 'b/3', 'b.c', 'c..d'];
      for (const name of names) await store.setAlias('acme', name, digest, 0);
      const space = (await store.service.tenants.find('acme'))!;
      const found: string[] = [];
      for (let after = ''; ; ) {
        const { items, next } = await store.service.aliases.list(space, '', after, 2);
        found.push(...items.map(({ name }) => name));
        if (next === '') break;
        after = next;
      }
      expect(found.sort()).toEqual([...names].sort());
      const { items } = await store.service.aliases.list(space, 'b/', '', 10);
      expect(items.map(({ name }) => name)).toEqual(['b/1', 'b/2', 'b/3']);
    });
  });

  describe('7: garbage collection and erasure', () => {
    const held = (tenant: string, digest: string) => ({ tenant, digest });
    test('takes what no alias, lease or grace keeps, and says so first', async () => {
      const store = await open();
      const publish = async (seed: number) => (await store.publish('acme', sample(seed).file)).digest;
      const [kept, leased, loose] = [await publish(1), await publish(2), await publish(3)];
      store.now += 2 * HOUR;
      const young = await publish(4);
      await store.setAlias('acme', 'prod', kept, 0);
      await store.service.leases.renew('replica', [held('acme', leased)]);
      const { collector, leases } = store.service;
      const dry = await collector.collect(true);
      expect(dry).toEqual({ removed: [held('acme', loose)], bytes: sample(3).data.length });
      expect(await store.fetch('acme', loose)).toEqual(sample(3).data);
      const wet = await collector.collect(false);
      expect(wet).toEqual(dry);
      await expect(store.fetch('acme', loose)).rejects.toMatchObject({ failure: 'revoked' });
      expect(await store.fetch('acme', leased)).toEqual(sample(2).data);
      expect((await collector.collect(false)).removed).toEqual([]);
      expect(await store.fetch('acme', young)).toEqual(sample(4).data);
      // The lease runs out.
      store.now += leases.leaseMs + 1;
      expect((await collector.collect(false)).removed).toEqual([held('acme', leased)]);
      // An alias that has moved away keeps it for the grace: somebody may want to move back.
      const { digest: next } = await store.publish('acme', sample(5).file);
      await store.setAlias('acme', 'prod', next, 1);
      store.now += HOUR - 1000;
      expect((await collector.collect(false)).removed.map(({ digest }) => digest)).not.toContain(kept);
      store.now += 2000;
      expect((await collector.collect(false)).removed.map(({ digest }) => digest)).toContain(kept);
      const space = (await store.service.tenants.find('acme'))!;
      expect((await store.used('acme')).versions).toBe(
        (await store.service.catalog.list(space, '', 100)).items.length,
      );
    });

    test('a deleted delta that a replica holds keeps its bytes until that lets go, but is named as revoked', async () => {
      const store = await open();
      const { digest } = await store.publish('acme', sample(1).file);
      await store.setAlias('acme', 'prod', digest, 0);
      await expect(store.delete('acme', digest)).rejects.toMatchObject({ failure: 'in-use' });
      const space = (await store.service.tenants.find('acme'))!;
      await store.service.aliases.delete(space, 'prod', 1);
      await store.service.leases.renew('replica', [held('acme', digest)]);
      await store.delete('acme', digest);
      expect(await store.service.catalog.has(space, digest)).toBe(true);
      expect((await store.service.collector.collect(false)).removed).toEqual([]);
      await store.service.leases.renew('replica', []);
      expect((await store.service.collector.collect(false)).removed).toEqual([held('acme', digest)]);
      expect(await store.service.catalog.has(space, digest)).toBe(false);
      expect(await store.used('acme')).toEqual({ bytes: 0, versions: 0 });
    });

    test('bytes restored from a backup without the key cannot be read, and the audit log names the key', async () => {
      const store = await open();
      const { file, digest, data } = sample(1);
      await store.publish('acme', file);
      await store.publish('other', file);
      await store.setAlias('acme', 'prod', digest, 0);
      const backup = `${store.folder}-backup`;
      cpSync(store.folder, backup, { recursive: true });
      const space = (await store.service.tenants.find('acme'))!;
      await store.service.leases.renew('replica', [held('acme', digest), held('other', digest)]);
      expect(await revokedOf(store.service, [held('acme', digest)])).toEqual([]);
      const erased = await eraseTenant(store.service, 'acme');
      expect(erased).toEqual({ deltas: 1, bytes: data.length, keyFingerprint: space.cipher.fingerprint });
      await expect(store.fetch('acme', digest)).rejects.toMatchObject({ failure: 'not-found' });
      expect(await store.fetch('other', digest)).toEqual(data);
      // Leases keep nothing of it, and their holders hear of it.
      expect(await revokedOf(store.service, [held('acme', digest), held('other', digest)])).toEqual([
        held('acme', digest),
      ]);
      const left = files(join(store.folder, 'objects')).filter((path) => path.includes(space.epoch));
      expect(left).toEqual([]);
      // All objects of the backup, but its key, which the erasure had to destroy there, too.
      cpSync(join(backup, 'objects', 'data'), join(store.folder, 'objects', 'data'), { recursive: true });
      cpSync(join(backup, 'objects', 'roots'), join(store.folder, 'objects', 'roots'), { recursive: true });
      const restored = await TestService.open({}, store.folder);
      await expect(restored.fetch('acme', digest)).rejects.toMatchObject({ failure: 'not-found' });
      // Another key opens nothing of it, wherever it stands.
      const fresh = await restored.service.tenants.findOrMake('acme');
      const old = { ...fresh, prefix: space.prefix };
      await expect(restored.service.catalog.find(old, digest)).rejects.toMatchObject({ failure: 'corrupt' });
      for (const path of files(join(backup, 'objects', 'data'))) {
        expect(readFileSync(path).includes(data.subarray(0, 16))).toBe(false);
      }
      const [day] = await store.service.audit.days('acme');
      const lines = await store.service.audit.day('acme', day!);
      expect(lines.map(({ what }) => what)).toEqual(['publish', 'set-alias', 'erase']);
      expect(lines.at(-1)).toMatchObject({ keyFingerprint: erased.keyFingerprint, deltas: 1 });
      rmSync(backup, { recursive: true });
    });

    test('an erasure that was interrupted is finished by the collector; the tenant may begin anew', async () => {
      const store = await open();
      const { file, digest, data } = sample(1);
      await store.publish('acme', file);
      const before = (await store.service.tenants.find('acme'))!;
      await store.service.tenants.destroyKey('acme', store.now);
      expect(files(store.folder).some((path) => path.includes(before.epoch))).toBe(true);
      await store.service.collector.collect(false);
      const left = files(join(store.folder, 'objects', 'data')).filter((path) => path.includes(before.epoch));
      expect(left).toEqual([]);
      expect((await store.publish('acme', file)).existed).toBe(false);
      expect(await store.fetch('acme', digest)).toEqual(data);
    });

    test('a publish during an erasure is refused at its end', async () => {
      const store = await open();
      const { file } = sample(1);
      const space = await store.service.tenants.findOrMake('acme');
      async function* slow() {
        yield file.subarray(0, file.length - 1);
        await eraseTenant(store.service, 'acme');
        yield file.subarray(file.length - 1);
      }
      await expect(store.service.publisher.publish(space, slow())).rejects.toMatchObject({
        failure: 'revoked',
      });
      store.now += 48 * HOUR;
      await store.service.collector.collect(false);
      expect(files(store.folder).filter((path) => path.includes('/blobs/'))).toEqual([]);
    });

    test('what processes that died have left is collected after a day, and not before', async () => {
      const store = await open();
      const space = await store.service.tenants.findOrMake('acme');
      const blob = timedName(store.now);
      await store.service.ledger.begin(space, blob, { digest: sample(1).digest, bytes: 10 }, store.now);
      await store.service.blobs.write(space, blob, 0, Buffer.from('0123456789'));
      await store.service.references.markGoing(space, sample(1).digest);
      await store.service.collector.collect(false);
      expect(await store.used('acme')).toEqual({ bytes: 10, versions: 1 });
      expect(await store.service.blobs.read(space, blob, 0)).toEqual(Buffer.from('0123456789'));
      store.now += 25 * HOUR;
      await store.service.collector.collect(false);
      expect(await store.used('acme')).toEqual({ bytes: 0, versions: 0 });
      expect(await store.service.blobs.read(space, blob, 0)).toBeNull();
      expect(await store.service.references.isLeaving(space, sample(1).digest)).toBe(false);
    });
  });

  test('the audit log shows a line that was changed, left out or put in', async () => {
    const store = await open();
    for (const seed of [1, 2]) await store.publish('acme', sample(seed).file);
    store.now += 24 * HOUR;
    await Promise.all([3, 4, 5].map((seed) => store.publish('acme', sample(seed).file)));
    const { audit } = store.service;
    const days = await audit.days('acme');
    expect(days).toEqual(['2026-03-01', '2026-03-02']);
    const lines = (await Promise.all(days.map((day) => audit.day('acme', day)))).flat();
    expect(lines.map(({ digest }) => digest).sort()).toEqual(
      [1, 2, 3, 4, 5].map((seed) => sample(seed).digest).sort(),
    );
    const whole = (all: typeof lines) =>
      all.every(
        ({ hash, ...line }, at) => hash === hashOf(line) && line.previous === (all[at - 1]?.hash ?? ''),
      );
    expect(whole(lines)).toBe(true);
    expect(whole([...lines.slice(0, 1), ...lines.slice(2)])).toBe(false);
    expect(whole(lines.map((line, at) => (at === 2 ? { ...line, bytes: 1 } : line)))).toBe(false);
    expect(JSON.stringify(lines)).not.toContain(sample(1).data.toString('base64').slice(0, 20));
  });

  test('replicas that take turns, or write at once, make one chain of the audit log', async () => {
    const first = await open();
    const second = await TestService.open({}, first.folder);
    for (const [at, store] of [first, second, first, first, second].entries()) {
      await store.publish('acme', sample(at + 1).file);
    }
    await Promise.all(
      [6, 7, 8, 9].map((seed) => (seed % 2 ? first : second).publish('acme', sample(seed).file)),
    );
    const lines = await second.service.audit.day('acme', '2026-03-01');
    expect(lines.map(({ previous }) => previous)).toEqual([
      '',
      ...lines.slice(0, -1).map(({ hash }) => hash),
    ]);
    expect(new Set(lines.map(({ digest }) => digest)).size).toBe(9);
  });
});
