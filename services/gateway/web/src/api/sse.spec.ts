import { sseData } from './sse';

function bodyOf(...chunks: (string | Uint8Array)[]): {
  body: ReadableStream<Uint8Array>;
  left: () => boolean;
} {
  let left = false;
  const encoder = new TextEncoder();
  const parts = chunks.map((chunk) => (typeof chunk === 'string' ? encoder.encode(chunk) : chunk));
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const part = parts.shift();
        if (part) controller.enqueue(part);
        else controller.close();
      },
      cancel() {
        left = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, left: () => left };
}

async function all(body: ReadableStream<Uint8Array>): Promise<string[]> {
  const found: string[] = [];
  for await (const data of sseData(body)) found.push(data);
  return found;
}

test.each([
  ['whole events', ['data: a\n\ndata: b\n\n'], ['a', 'b']],
  ['an event in pieces', ['da', 'ta: a', '\n', '\ndata: b\n\n'], ['a', 'b']],
  ['an event without its end', ['data: a\n\ndata: b'], ['a']],
  ['an event with an id', ['id: 7\ndata: a\n\nid: \ndata: b\n\n'], ['a', 'b']],
  ['a comment', [': hello\n\ndata: a\n\n'], ['a']],
  ['nothing', [], []],
])('%s', async (_, chunks, data) => {
  expect(await all(bodyOf(...chunks).body)).toEqual(data);
});

test('a character that is cut in two', async () => {
  const bytes = new TextEncoder().encode('data: é€😀\n\n');
  const cut = [...bytes].map((byte) => Uint8Array.of(byte));
  expect(await all(bodyOf(...cut).body)).toEqual(['é€😀']);
});

test('leaving early ends the connection', async () => {
  const { body, left } = bodyOf('data: a\n\n', 'data: b\n\n');
  for await (const _ of sseData(body)) break;
  expect(left()).toBe(true);
});
