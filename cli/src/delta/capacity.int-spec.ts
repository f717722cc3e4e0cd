import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { BASES, deltaParts, deltaSize, kvBlockBytes, type Recipe, readDelta, slotBytes } from '@zen/deltas';
import { loadEngine, type NativeModel, type OpenOptions } from '@zen/engine';
import { openLadder } from '@zen/ladder';
import { packedLadder, randomDelta, TYPESCRIPT_RUNNER } from '@zen/testing';
import { baseOfLadder } from './ladder-base';

const MAIN = join(__dirname, '..', 'main.ts');
const zen = (...argv: string[]) => ['-r', TYPESCRIPT_RUNNER, MAIN, 'delta', 'capacity', ...argv];

jest.setTimeout(120_000);

describe('zen delta capacity', () => {
  it('prints a row for each number of sequences, as JSON too', () => {
    const argv = zen(
      '--base',
      'smollm2-135m',
      '--rank',
      '8',
      '--memory',
      '24GB',
      '--sequences',
      '0,8',
      '--json',
    );
    const value = JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8' }));
    expect(value).toMatchObject({ base: 'smollm2-135m', usableBytes: 21_600_000_000 });
    expect(value.answers).toMatchObject([
      { sequences: 0, kvBytes: 0, deltaBytes: 117_120, resident: 181_930, withoutKv: 181_930 },
      { sequences: 8, kvBytes: 8 * 2048 * 23_040, deltaBytes: 117_120, resident: 178_710 },
    ]);
  });

  it.each([
    [['--memory', 'much'], 2, "'--memory <size>' argument 'much' is invalid. must be a size such as 512MiB"],
    [['--usable', '1.1'], 2, 'must be above 0 and at most 1'],
    [['--modules', 'q,q'], 2, 'must be some of q,k,v,o,gate,up,down, each once'],
    [['--recipe', 'dense1', '--group', '7'], 1, 'group: 7 columns do not divide the 2560 of q'],
  ])('%s is refused by name', (argv, status, message) => {
    const run = spawnSync(process.execPath, zen(...argv), { encoding: 'utf8' });
    expect({ status: run.status, stderr: run.stderr }).toEqual({
      status,
      stderr: expect.stringContaining(message),
    });
  });
});

const found = packedLadder();
const describeLadder = 'folder' in found ? describe : describe.skip;
const ladder = 'folder' in found ? found.folder : '';

describeLadder(
  `the arithmetic and the engine, on SmolLM2${'missing' in found ? ` (${found.missing})` : ''}`,
  () => {
    let configJson: string;
    let base: ReturnType<typeof baseOfLadder>;
    let digest: string;
    let open: NativeModel | undefined;
    beforeAll(async () => {
      const { config, configJson: json } = await openLadder(ladder);
      [configJson, base, digest] = [json, baseOfLadder(config), `sha256:${config.source.tensorsSha256}`];
    });
    afterEach(() => open?.close());

    const engine = (options: Partial<OpenOptions>): NativeModel => {
      open = loadEngine().open(configJson, {
        threads: 1,
        kvBytes: 2 ** 22,
        kvType: 'f16',
        contextTokens: 64,
        tokenBytes: new Uint8Array(0),
        tokenOffsets: new Uint32Array(49_153),
        ...options,
      });
      return open;
    };

    it('agree on the shape', () => {
      const { name: _, ...known } = BASES.find(({ name }) => name === 'smollm2-135m')!;
      expect(base).toMatchObject(known);
    });

    it.each(['f16', 'int8'] as const)('agree on a block of %s KV, to the byte', (kvType) => {
      const block = kvBlockBytes(base, kvType);
      expect(engine({ kvType, kvBytes: 7 * block }).stats()).toMatchObject({
        kvBlocksTotal: 7,
        kvBlockTokens: 16,
      });
      open?.close();
      expect(engine({ kvType, kvBytes: 7 * block - 1 }).stats().kvBlocksTotal).toBe(6);
    });

    const partsOf = (recipe: 'lora1' | 'dense1', more: { rank?: number; group?: number }) => {
      const { name: _, parameters: _p, experts: _e, ...model } = base;
      const { file } = randomDelta({ base: digest, model, recipe, scale: 2 ** -11, seed: 1, ...more });
      const { manifest, data } = readDelta(file);
      return deltaParts(manifest, data);
    };

    it.each([1, 4, 8])(
      'agree on a slot of lora1 at rank %i: it fits, and would not in 64 bytes less',
      async (rank) => {
        const bytes = slotBytes(base, deltaSize('lora1', { rank }));
        const model = engine({ delta: { slots: 3, slotBytes: bytes, denseSlots: 0 } });
        await model.loadDelta(partsOf('lora1', { rank }));
        await model.loadDelta(partsOf('lora1', { rank }));
        expect(model.stats()).toMatchObject({ deltaSlotsUsed: 2, deltaBytes: 2 * bytes });
        model.close();
        const tight = engine({ delta: { slots: 1, slotBytes: bytes - 64, denseSlots: 0 } });
        await expect(tight.loadDelta(partsOf('lora1', { rank }))).rejects.toThrow(`it takes ${bytes} bytes`);
      },
    );

    it('agree on a dense slot, and the finest groups fill it', async () => {
      const bytes = slotBytes(base, deltaSize('dense1' satisfies Recipe));
      const model = engine({ delta: { slots: 0, slotBytes: 0, denseSlots: 1 } });
      await model.loadDelta(partsOf('dense1', { group: 32 }));
      expect(model.stats()).toMatchObject({ denseSlotsUsed: 1, deltaBytes: bytes });
    });
  },
);
