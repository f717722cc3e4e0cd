import { HearingError } from '../hearing-error';
import { Ct2File } from './ct2-file.fixture';
import { Ct2Weights } from './ct2-weights';
import { whisperShape } from './whisper-shape';

const HALVES = Uint8Array.from([0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0x00, 0x7c]);

function small(): Ct2File {
  return new Ct2File()
    .tensor('half', [2, 2], 4, HALVES)
    .tensor('float', [1], 0, Uint8Array.from([0, 0, 0x80, 0x3f]))
    .tensor('number', [], 2, Uint8Array.from([8, 1]));
}

test('tensors come with their values, by name and by alias', () => {
  const weights = Ct2Weights.parse(small().bytes([['other', 'half']]));
  const values = [1, -2, 2 ** -24, Number.POSITIVE_INFINITY];
  expect([...weights.floats('half', [2, 2])]).toEqual(values);
  expect([...weights.floats('other', [2, 2])]).toEqual(values);
  expect([...weights.floats('float', [1])]).toEqual([1]);
  expect(weights.halves('half', [2, 2])).toEqual(HALVES);
  expect(weights.integer('number')).toBe(264);
});

test.each<[string, Buffer, string]>([
  ['another format', new Ct2File(5).bytes(), 'format version 5, must be 6'],
  ['another model', new Ct2File(6, 'TransformerSpec').bytes(), 'model "TransformerSpec" revision 3'],
  [
    'another revision',
    new Ct2File(6, 'WhisperSpec', 2).bytes(),
    'revision 2, must be WhisperSpec revision 3',
  ],
  ['too many dimensions', new Ct2File().zeros('x', [1, 1, 1, 1]).bytes(), 'tensor x: rank 4, limit 3'],
  ['an unknown type', new Ct2File().tensor('x', [1], 9, HALVES).bytes(), 'tensor x: type 9'],
  [
    'bytes that are not the shape',
    new Ct2File().tensor('x', [3], 4, HALVES).bytes(),
    'tensor x: 8 bytes, its shape has 6',
  ],
  ['a name twice', new Ct2File().zeros('x', [1]).zeros('x', [1]).bytes(), 'tensor x: twice'],
  ['an alias of nothing', new Ct2File().bytes([['a', 'b']]), 'alias a'],
  ['an end in the middle', small().bytes().subarray(0, 60), 'are left'],
  [
    'something behind the end',
    Buffer.concat([small().bytes(), Buffer.from([1])]),
    '1 bytes after the last alias',
  ],
])('%s is refused by name', (_name, file, message) => {
  expect(() => Ct2Weights.parse(file)).toThrow(HearingError);
  expect(() => Ct2Weights.parse(file)).toThrow(message);
});

test.each<[string, (weights: Ct2Weights) => unknown, string]>([
  ['another shape', (weights) => weights.floats('half', [4]), 'tensor half: shape 2×2, must be 4'],
  ['no tensor', (weights) => weights.floats('nothing', [4]), 'tensor nothing is missing'],
  ['a number for floats', (weights) => weights.floats('number', []), 'tensor number: type 2'],
  ['floats for a number', (weights) => weights.integer('half'), 'tensor half: must be one whole number'],
  ['floats for halves', (weights) => weights.halves('float', [1]), 'tensor float: must be float16'],
])('%s is refused when it is asked for', (_name, ask, message) => {
  expect(() => ask(Ct2Weights.parse(small().bytes()))).toThrow(message);
});

test('whatever the bytes are, nothing but a named refusal comes of them', () => {
  const good = small().bytes([['other', 'half']]);
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let refused = 0;
  for (let i = 0; i < 3_000; i++) {
    const bad = Buffer.from(good.subarray(0, random(3) === 0 ? random(good.length) : good.length));
    for (let n = random(4); n >= 0 && bad.length > 0; n--) bad[random(bad.length)] = random(256);
    try {
      whisperShape(Ct2Weights.parse(bad));
    } catch (error) {
      expect(error).toBeInstanceOf(HearingError);
      refused += 1;
    }
  }
  expect(refused).toBe(3_000);
});

test('sizes are those of the tensors', () => {
  const file = () =>
    new Ct2File()
      .zeros('decoder/embeddings/weight', [7, 4])
      .zeros('encoder/position_encodings/encodings', [5, 4])
      .zeros('decoder/position_encodings/encodings', [6, 4])
      .zeros('encoder/layer_0/self_attention/linear_0/weight', [12, 4])
      .zeros('decoder/layer_0/self_attention/linear_0/weight', [12, 4]);
  const heads = (count: number) => [Uint8Array.from([count]), Uint8Array.from([count])] as const;
  const withHeads = (count: number) => {
    const [a, b] = heads(count);
    return file().tensor('encoder/num_heads', [], 1, a).tensor('decoder/num_heads', [], 1, b).bytes();
  };
  expect(whisperShape(Ct2Weights.parse(withHeads(2)))).toEqual({
    width: 4,
    heads: 2,
    vocabSize: 7,
    encoderLayers: 1,
    decoderLayers: 1,
    audioPositions: 5,
    textPositions: 6,
  });
  expect(() => whisperShape(Ct2Weights.parse(withHeads(3)))).toThrow('3 heads of a width of 4');
});
