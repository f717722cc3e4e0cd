import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SOURCE_TYPES } from '@zen/ladder';
import { openGguf } from '../gguf/gguf-model';
import { dequantize } from '../quant/dequantize';
import { floatToHalf, halfToFloat } from '../quant/half';
import { tensorBytes } from '../tensor-layout';
import { tinyGguf } from '../testing/tiny-model';
import { perturb } from './perturb';
import { Random } from './random';
import { type UpcycledMixture, upcycle } from './upcycle';

const folder = mkdtempSync(join(tmpdir(), 'zen-upcycle-'));
// Files of which each is written and parsed: seconds on a loaded machine.
jest.setTimeout(60_000);
afterAll(() => rmSync(folder, { recursive: true }));

const origin = (name: string) => ({ name, uri: `file:///${name}`, sha256: '0'.repeat(64) });
const MIXTURE: UpcycledMixture = { experts: 3, perToken: 2, perturb: 0, seed: 7 };
const quiet = { layers: null, progress: () => {}, signal: new AbortController().signal };

async function dense(architecture: 'llama' | 'qwen2' | 'qwen3' = 'llama') {
  const path = join(folder, `${architecture}.gguf`);
  writeFileSync(path, tinyGguf(architecture));
  return openGguf(path, origin(architecture));
}

/** Makes a mixture and opens it. */
async function made(change: Partial<UpcycledMixture>, architecture: 'llama' | 'qwen2' | 'qwen3' = 'llama') {
  const source = await dense(architecture);
  const path = join(folder, 'made.gguf');
  await upcycle(source, path, { ...quiet, mixture: { ...MIXTURE, ...change } });
  const model = await openGguf(path, origin('made'));
  const bytes = async (of: typeof model, name: string) =>
    Buffer.from(await of.tensors.find((tensor) => tensor.name === name)!.bytes());
  return { source, model, bytes };
}

describe('upcycle', () => {
  it.each(['llama', 'qwen3'] as const)(
    'copies every feed-forward of %s, byte for byte',
    async (architecture) => {
      const { source, model, bytes } = await made({}, architecture);
      const experts = { count: 3, perToken: 2, normalized: true, sharedFfnSize: 0 };
      expect(model.config).toEqual({ ...source.config, experts });
      expect(model.tokenizer).toEqual(source.tokenizer);
      for (const expert of [0, 1, 2]) {
        const copy = await bytes(model, `blk.1.ffn_down.${expert}.weight`);
        expect(copy.equals(await bytes(source, 'blk.1.ffn_down.weight'))).toBe(true);
      }
      expect((await bytes(model, 'token_embd.weight')).equals(await bytes(source, 'token_embd.weight'))).toBe(
        true,
      );
      const router = await bytes(model, 'blk.0.ffn_gate_inp.weight');
      expect(router.equals(await bytes(model, 'blk.1.ffn_gate_inp.weight'))).toBe(false);
      await model.close();
      await source.close();
    },
  );

  it('gives the same file for a seed, other routers for another', async () => {
    const routers: string[] = [];
    for (const seed of [7, 7, 8]) {
      const { source, model, bytes } = await made({ seed });
      routers.push((await bytes(model, 'blk.0.ffn_gate_inp.weight')).toString('hex'));
      await model.close();
      await source.close();
    }
    expect(routers[0]).toBe(routers[1]);
    expect(routers[0]).not.toBe(routers[2]);
  });

  it('keeps the first layers, and writes the dense model of as many', async () => {
    const source = await dense();
    const path = join(folder, 'short.gguf');
    await upcycle(source, path, { ...quiet, mixture: null, layers: 1 });
    const model = await openGguf(path, origin('short'));
    expect(model.config).toEqual({ ...source.config, layers: 1 });
    await model.close();
    await source.close();
  });

  it.each<[string, RegExp, Partial<UpcycledMixture>, 'llama' | 'qwen2' | 'qwen3']>([
    ['one expert', /experts is 1, must be a whole number from 2 to 1024/, { experts: 1 }, 'llama'],
    ['more for a token than there are', /perToken is 4, must be .* from 1 to 3/, { perToken: 4 }, 'llama'],
    ['too much noise', /perturb is 2, must be from 0 to 1/, { perturb: 2 }, 'llama'],
    ['an architecture without such a mixture', /qwen2 has no mixture with normalized gates/, {}, 'qwen2'],
  ])('refuses %s by name and leaves nothing', async (_name, expected, change, architecture) => {
    const source = await dense(architecture);
    const path = join(folder, 'refused.gguf');
    await expect(upcycle(source, path, { ...quiet, mixture: { ...MIXTURE, ...change } })).rejects.toThrow(
      expected,
    );
    await expect(upcycle(source, path, { ...quiet, mixture: null, layers: 3 })).rejects.toThrow(
      /layers is 3, must be .* 1 to 2/,
    );
    expect((await readdir(folder)).filter((name) => name.startsWith('refused'))).toEqual([]);
    await source.close();
  });

  it('refuses a mixture, and stops when it is told to', async () => {
    const { source, model } = await made({});
    await expect(upcycle(model, join(folder, 'twice.gguf'), { ...quiet, mixture: MIXTURE })).rejects.toThrow(
      /is a mixture of experts already/,
    );
    const signal = AbortSignal.abort();
    const stopped = upcycle(source, join(folder, 'stopped.gguf'), { ...quiet, signal, mixture: MIXTURE });
    await expect(stopped).rejects.toThrow(/cancelled/);
    expect((await readdir(folder)).filter((name) => name.startsWith('stopped'))).toEqual([]);
    await model.close();
    await source.close();
  });
});

describe('perturb', () => {
  it.each(SOURCE_TYPES)('scales the values of %s and keeps its codes', (type) => {
    const cols = 512;
    const bytes = new Uint8Array(tensorBytes(type, 1, cols)!).fill(0x2c);
    const before = dequantize(type, bytes);
    const after = dequantize(type, perturb(type, bytes, 0.1, new Random(3)));
    const ratios = [...after].map((value, i) => value / before[i]!);
    const least = Math.min(...ratios);
    const most = Math.max(...ratios);
    expect(least).toBeGreaterThan(0.5);
    expect(most).toBeLessThan(1.5);
    expect(most - least).toBeGreaterThan(0.01);
    expect(dequantize(type, perturb(type, bytes, 0, new Random(3)))).toEqual(before);
  });
});

describe('floatToHalf', () => {
  it('gives back every half, and the nearest one between them', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = halfToFloat(bits);
      if (Number.isNaN(value)) continue;
      if (floatToHalf(value) !== bits) throw new Error(`${bits} came back as ${floatToHalf(value)}`);
    }
    expect(floatToHalf(1 + 2 ** -11)).toBe(0x3c00);
    expect(floatToHalf(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(floatToHalf(1 + 2 ** -11 + 2 ** -20)).toBe(0x3c01);
    expect(floatToHalf(65_519)).toBe(0x7bff);
    expect(floatToHalf(65_520)).toBe(0x7c00);
    expect(floatToHalf(2 ** -25)).toBe(0);
    expect(floatToHalf(2 ** -25 * 1.01)).toBe(1);
    expect(Number.isNaN(halfToFloat(floatToHalf(Number.NaN)))).toBe(true);
  });
});
