import { sseData } from './sse';

async function* bytes(...parts: Uint8Array[]) {
  yield* parts;
}

async function collect(...parts: Uint8Array[]): Promise<string[]> {
  const all: string[] = [];
  for await (const data of sseData(bytes(...parts))) all.push(data);
  return all;
}

describe('sseData', () => {
  const text = 'data: {"a":"é😀"}\n\n: comment\n\nevent: x\r\ndata: one\r\ndata: two\r\n\r\ndata: [DONE]\n\n';
  const expected = ['{"a":"é😀"}', 'one\ntwo', '[DONE]'];

  it('reads events whole', async () => {
    expect(await collect(Buffer.from(text))).toEqual(expected);
  });

  it('reads them byte by byte, across characters and events', async () => {
    expect(await collect(...[...Buffer.from(text)].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
  });

  it('drops an event that never ended', async () => {
    expect(await collect(Buffer.from('data: whole\n\ndata: torn'))).toEqual(['whole']);
  });
});
