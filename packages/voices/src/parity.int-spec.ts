import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { GoldenResult } from './testing/golden-process';
import { voiceHome } from './testing/voice-home';

// Fetches the voice at first use; no test here is about time.
jest.setTimeout(600_000);

const FIXTURES = join(__dirname, '..', 'fixtures');
const PROCESS = join(__dirname, '..', 'dist', 'testing', 'golden-process.js');
const fixture = (name: string) => JSON.parse(readFileSync(join(FIXTURES, name), 'utf8'));

/** What the package says on processors whose 8-bit products saturate, and on those where they do not: one is ours. */
interface Golden {
  length: number;
  stride: number;
  samples: Record<'vnni' | 'avx2', number[]>;
}

describe('heart, beside what its Python package makes', () => {
  let result: GoldenResult;
  beforeAll(async () => {
    const folder = join(await voiceHome('heart'), 'speech', 'heart');
    const { stdout } = await promisify(execFile)(process.execPath, [PROCESS, folder, FIXTURES], {
      maxBuffer: 64 * 1024 * 1024,
    });
    result = JSON.parse(stdout);
  });

  it('reads the same phonemes', () => {
    const pairs: [string, string][] = fixture('phonemes.json');
    expect(pairs).toHaveLength(400);
    expect(result.phonemes).toEqual(pairs.map(([, phonemes]) => phonemes));
  });

  it('makes the same sound', () => {
    const golden: Golden = fixture('heart.json');
    expect(result.sound).toHaveLength(golden.length);
    const offs = Object.values(golden.samples).map((samples) => {
      expect(Math.max(...samples)).toBeGreaterThan(0.1);
      return Math.max(...samples.map((sample, at) => Math.abs(sample - result.sound[at * golden.stride]!)));
    });
    // Other versions of ONNX Runtime round otherwise; a wrong window, phase or pitch is off by its whole height.
    expect(Math.min(...offs)).toBeLessThan(0.01);
  });

  it('sounds nearly the same when it is made cheaper, and not at all where there is nothing to say', () => {
    const { full, reduced, nothing } = result.loudness;
    expect(reduced.length).toBe(full.length);
    expect(reduced.rms / full.rms).toBeGreaterThan(0.85);
    expect(reduced.rms / full.rms).toBeLessThan(1.15);
    expect(reduced.rms).not.toBe(full.rms);
    expect(nothing.length).toBe(0);
  });
});
