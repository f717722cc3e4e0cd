import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { LENGTH_NOISE, SOUND_NOISE, withNoiseInputs } from './seeded-model';

const node = (opType: string, input: string, output: string) =>
  new BinaryWriter()
    .tag(1, WireType.LengthDelimited)
    .string(input)
    .tag(2, WireType.LengthDelimited)
    .string(output)
    .tag(4, WireType.LengthDelimited)
    .string(opType)
    .finish();

/** A model with these nodes, a version before the graph and a producer's name after it. */
function model(...nodes: Uint8Array[]): Uint8Array {
  const graph = new BinaryWriter();
  for (const each of nodes) graph.tag(1, WireType.LengthDelimited).bytes(each);
  return new BinaryWriter()
    .tag(1, WireType.Varint)
    .int64(8)
    .tag(7, WireType.LengthDelimited)
    .bytes(graph.finish())
    .tag(2, WireType.LengthDelimited)
    .string('somebody')
    .finish();
}

/** Every field of a message: its number and, where it is bytes, its content. */
function fields(bytes: Uint8Array): [number, Uint8Array | null][] {
  const reader = new BinaryReader(bytes);
  const all: [number, Uint8Array | null][] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type === WireType.LengthDelimited) all.push([field, reader.bytes()]);
    else {
      reader.skip(type, field);
      all.push([field, null]);
    }
  }
  return all;
}

const texts = (bytes: Uint8Array, number: number) =>
  fields(bytes)
    .filter(([field]) => field === number)
    .map(([, content]) => Buffer.from(content!).toString('utf8'));

describe('withNoiseInputs', () => {
  it('makes inputs of chance, in its place, and leaves the rest', () => {
    const edited = withNoiseInputs(
      model(
        node('Relu', 'in', 'a'),
        node('RandomNormalLike', 'a', 'b'),
        node('Mul', 'b', 'c'),
        node('RandomNormalLike', 'c', 'd'),
        node('Add', 'd', 'out'),
      ),
      'tiny.onnx',
    );
    expect(fields(edited).map(([field]) => field)).toEqual([1, 7, 2]);
    const graph = fields(edited)[1]![1]!;
    const nodes = fields(graph).flatMap(([field, content]) => (field === 1 ? [content!] : []));
    expect(nodes.map((each) => [texts(each, 4)[0], texts(each, 1), texts(each, 2)[0]])).toEqual([
      ['Relu', ['in'], 'a'],
      ['Identity', [LENGTH_NOISE], 'b'],
      ['Mul', ['b'], 'c'],
      ['Shape', ['c'], 'zen_shape'],
      ['Gather', ['zen_shape', 'zen_2'], 'zen_frames'],
      ['Range', ['zen_0', 'zen_frames', 'zen_1'], 'zen_range'],
      ['Mod', ['zen_range', 'zen_noise_frames'], 'zen_places'],
      ['Gather', [SOUND_NOISE, 'zen_places'], 'd'],
      ['Add', ['d'], 'out'],
    ]);
    const inputs = fields(graph).flatMap(([field, content]) => (field === 11 ? texts(content!, 1) : []));
    expect(inputs).toEqual([LENGTH_NOISE, SOUND_NOISE]);
  });

  it('names a model that has other chances', () => {
    expect(() => withNoiseInputs(model(node('RandomNormalLike', 'a', 'b')), 'odd.onnx')).toThrow(
      'odd.onnx: has 1 nodes RandomNormalLike, must have 2',
    );
  });
});
