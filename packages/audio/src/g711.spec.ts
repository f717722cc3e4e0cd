import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeAlaw, encodeMulaw } from './encode-pcm';
import { alawOf, fromAlaw, fromMulaw, mulawOf } from './g711';
import { fromPcm } from './samples';

const fixture = (name: string) => readFileSync(join(__dirname, '../fixtures', name));

const LAWS = [
  ['mulaw', mulawOf, fromMulaw],
  ['alaw', alawOf, fromAlaw],
] as const;

test.each(LAWS)('%s: every code survives', (_, encode, decode) => {
  const codes = Array.from({ length: 256 }, (_, code) => decode(code));
  expect(codes.map((sample) => decode(encode(sample)) + 0)).toEqual(codes.map((sample) => sample + 0));
  // Mu-law has two zeros.
  expect(new Set(codes).size).toBeGreaterThanOrEqual(255);
});

test.each(LAWS)('%s: every sample comes back within half a step of its segment', (_, encode, decode) => {
  const far: number[] = [];
  for (let sample = -0x8000; sample < 0x8000; sample++) {
    const off = Math.abs(decode(encode(sample)) - sample);
    if (off > Math.max(8, Math.abs(sample) / 31 + 4)) far.push(sample);
  }
  expect(far).toEqual([]);
});

test('known values', () => {
  // ITU-T G.711: the largest positive and negative code, and silence.
  expect([fromMulaw(0x80), fromMulaw(0x00), fromMulaw(0xff)]).toEqual([32_124, -32_124, 0]);
  expect([fromAlaw(0xaa), fromAlaw(0x2a), fromAlaw(0xd5)]).toEqual([32_256, -32_256, 8]);
});

test.each([
  ['mulaw.raw', encodeMulaw, fromMulaw],
  ['alaw.raw', encodeAlaw, fromAlaw],
] as const)('as sox writes %s', (name, encode, decode) => {
  const ours = encode(fromPcm(fixture('pcm-8000.raw')));
  const theirs = fixture(name);
  expect(ours).toHaveLength(theirs.length);
  // Where a sample lies between two codes sox rounds, and the standard cuts: the neighbouring code at most.
  const apart = [...ours].filter((code, i) => Math.abs(decode(code) - decode(theirs[i] as number)) > 1100);
  expect(apart).toEqual([]);
  const same = [...ours].filter((code, i) => code === theirs[i]).length;
  expect(same).toBeGreaterThan(0.4 * ours.length);
});
