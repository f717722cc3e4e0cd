import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NativeQuant } from '@zen/engine';
import { measureQuality, type QualityOptions } from './quality';
import { type Measured, QualityFolder } from './quality-folder';
import type { ReferenceModel } from './reference-model';

let parent = '';
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'zen-quality-'));
});
afterEach(() => rm(parent, { recursive: true }));

const sequences = [Int32Array.of(1, 2, 3), Int32Array.of(4, 5), Int32Array.of(6, 7, 8, 9)];
const what: Measured = {
  ladder: {
    config: { model: { layers: 1 }, tensors: [] },
    manifest: { layers: [{ digest: 'sha256:1' }] },
  } as unknown as Measured['ladder'],
  how: 'engine',
  sequences,
  jsonPrompts: [Int32Array.of(1)],
};

/** Two stages whose numbers follow from the tokens; `asked` says what was computed, and `most` ends it all. */
function measurement(asked: string[], most = Number.POSITIVE_INFINITY): QualityOptions {
  const ask = (name: string) => {
    if (asked.length >= most) throw new Error('killed');
    asked.push(name);
  };
  const stages = [0, 1].map((stage) => ({
    stage,
    logits: async (tokens: Int32Array) => {
      ask(`${stage}: ${tokens.join(' ')}`);
      return Float32Array.from(tokens, (token) => token / (3 + stage));
    },
    answers: async () => {
      ask(`${stage}: json`);
      return ['{}', 'no', '[1'];
    },
  }));
  const compareLogits = async (expected: Float32Array, found: Float32Array, targets: Int32Array) =>
    Float32Array.from({ length: 4 * found.length }, (_, i) => {
      const at = Math.floor(i / 4);
      if (targets[at] === -1 && i % 4 < 3 && i % 4 > 0) return Number.NaN;
      return ((found[at] as number) + (expected[at] as number)) * (1 + (i % 4));
    });
  const reference = {
    model: { vocabSize: 1 },
    forward: async ([tokens]: Int32Array[]) => tokens,
    logits: async (tokens: Int32Array) => Float32Array.from(tokens, (token) => token / 7),
  };
  return {
    quant: { compareLogits } as unknown as NativeQuant,
    reference: reference as unknown as ReferenceModel,
    sequences,
    jsonPrompts: what.jsonPrompts as Int32Array[],
    stages,
    progress: () => undefined,
    signal: new AbortController().signal,
  };
}

test('a measurement that is cut off anywhere goes on where it was, to the same numbers', async () => {
  const whole: string[] = [];
  const expected = await measureQuality(measurement(whole));
  for (let most = 0; most < whole.length; most++) {
    const target = join(parent, `report-${most}`);
    const first: string[] = [];
    const cut = measureQuality({ ...measurement(first, most), work: await QualityFolder.open(target, what) });
    await expect(cut).rejects.toThrow('killed');
    const rest: string[] = [];
    const work = await QualityFolder.open(target, what);
    expect(await measureQuality({ ...measurement(rest), work })).toEqual(expected);
    // Only the text in hand is measured twice: at most one of its two stages was through.
    expect(first.length + rest.length - whole.length).toBeLessThanOrEqual(1);
    await work.remove();
  }
  expect(await readdir(parent)).toEqual([]);
});

test('other texts, another ladder, or a file that is not what it was: measured anew', async () => {
  const target = join(parent, 'report');
  const measure = async (of: Measured) => {
    const asked: string[] = [];
    await measureQuality({ ...measurement(asked), work: await QualityFolder.open(target, of) });
    return asked.length;
  };
  expect(await measure(what)).toBe(8);
  expect(await measure(what)).toBe(0);
  await truncate(join(parent, '.report.work', 'text-1.f32'), 8);
  expect(await measure(what)).toBe(2);
  expect(await measure({ ...what, how: 'reference' })).toBe(8);
  expect(await measure({ ...what, sequences: sequences.slice(1) })).toBe(8);
});
