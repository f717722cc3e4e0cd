import { SpeakStart, TalkerPrompt } from '@zen/contracts';
import type { VoiceInfo } from '@zen/speech';
import { readStart, readVoice } from './read-start';

const HEART: VoiceInfo = { name: 'heart', language: 'en-US', sampleRate: 24_000, takesTokenIds: false };
const OMNI: VoiceInfo = { ...HEART, name: 'omni', takesTokenIds: true };

const read = (change: object, voice = HEART) =>
  readStart({ ...SpeakStart.create(), ...change }, voice, () => 9n);

test('what is left out has its default', () => {
  expect(read({ requestId: 'r', tenant: 't' })).toMatchObject({
    requestId: 'r',
    tenant: 't',
    band: 'normal',
    options: { voice: 'heart', speed: 1, quality: 'full', seed: 9n },
  });
  expect(read({ speed: 0.25, quality: 2, priority: 3, seed: 5n })).toMatchObject({
    band: 'interactive',
    options: { speed: 0.25, quality: 'reduced', seed: 5n },
  });
});

test.each<[object, string]>([
  [{ speed: 0.24 }, 'speed: 0.24 is not within 0.25 to 4'],
  [{ speed: 4.01 }, 'speed: 4.01 is not within 0.25 to 4'],
  [{ speed: Number.NaN }, 'speed: NaN is not within 0.25 to 4'],
  [{ speed: -1 }, 'speed: -1 is not within 0.25 to 4'],
  [{ requestId: 'ü'.repeat(129) }, 'request_id: 258 bytes, limit 256'],
  [{ tenant: 'x'.repeat(257) }, 'tenant: 257 bytes, limit 256'],
  [{ priority: 9 }, 'priority: not a known priority'],
  [{ quality: 9 }, 'quality: not a known quality'],
  [{ seed: 2n ** 64n }, 'seed: must be 0 to 18446744073709551615'],
  [
    { prompt: TalkerPrompt.create() },
    'prompt: heart speaks text, a prompt is for voices that take token ids',
  ],
])('%o is refused by name', (change, message) => {
  expect(() => read(change)).toThrow(message);
});

const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);

test('a prompt is taken over, whatever the alignment of its bytes', () => {
  const shifted = Buffer.concat([Buffer.alloc(1), floats(1, 2, 3, 4)]).subarray(1);
  const prompt = TalkerPrompt.fromPartial({
    tokenIds: [5, 6, 7],
    hiddenRows: shifted,
    hiddenPositions: [0, 2],
  });
  expect(read({ prompt }, OMNI).options.prompt).toEqual({
    tokenIds: Uint32Array.of(5, 6, 7),
    hiddenRows: Float32Array.of(1, 2, 3, 4),
    hiddenPositions: Uint32Array.of(0, 2),
    ropePositions: null,
    more: false,
  });
  const ids = TalkerPrompt.fromPartial({ tokenIds: [5] });
  expect(read({ prompt: ids }, OMNI).options.prompt?.hiddenRows).toHaveLength(0);
});

test.each<[Partial<TalkerPrompt>, string]>([
  [{ tokenIds: new Array(262_145).fill(0) }, 'prompt.token_ids: 262145 ids, limit 262144'],
  [{ hiddenPositions: [1, 1] }, 'prompt.hidden_positions[1]: 1 must be above the one before it and below 3'],
  [{ hiddenPositions: [3] }, 'prompt.hidden_positions[0]: 3 must be above the one before it and below 3'],
  [{ hiddenPositions: [0], hiddenRows: Buffer.alloc(6) }, 'prompt.hidden_rows: 6 bytes are no float32 rows'],
  [{ hiddenPositions: [0], hiddenRows: Buffer.alloc(0) }, 'prompt.hidden_rows: 0 bytes are no float32 rows'],
  [{ hiddenPositions: [], hiddenRows: Buffer.alloc(4) }, 'prompt.hidden_rows: 4 bytes are no float32 rows'],
  [{ hiddenPositions: [0], hiddenRows: Buffer.alloc(4 * 16_385) }, 'prompt.hidden_rows: 65540 bytes'],
  [{ hiddenPositions: [0], hiddenRows: floats(1, Number.NaN) }, 'prompt.hidden_rows: number 1 is not finite'],
])('prompt %# is refused by name', (change, message) => {
  const prompt = { ...TalkerPrompt.fromPartial({ tokenIds: [1, 2, 3] }), ...change };
  expect(() => read({ prompt }, OMNI)).toThrow(message);
});

test("a voice's name may be empty, and nothing that is none", () => {
  expect(readVoice('')).toBe('');
  expect(readVoice('heart-2')).toBe('heart-2');
  for (const bad of ['Heart', '../x', 'x'.repeat(65), 'a b', 'ü'])
    expect(() => readVoice(bad)).toThrow(/^voice: must be at most 64 of lower-case letters/);
});
