import type { SpeakRequest } from '@zen/contracts';
import { PromptReader } from '../request/prompt-reader';
import { IncomingText } from './incoming-text';

type Message = NonNullable<SpeakRequest['message']>;

async function take(messages: (Message | undefined)[], { takesTokenIds = false, maxBytes = 1000 } = {}) {
  const done: unknown[] = [];
  const session = {
    push: (input: string | Uint32Array) => done.push(input),
    flush: () => done.push('|'),
    end: () => done.push('end'),
  };
  let nowUs = 0;
  const voice = { name: 'v', language: 'en', sampleRate: 24_000, takesTokenIds };
  const text = new IncomingText(session, voice, maxBytes, () => nowUs, new PromptReader(voice));
  let moved = 0;
  async function* requests() {
    // Ten milliseconds apart.
    for (const message of messages) {
      nowUs += 10_000;
      yield { message };
    }
  }
  await text.take(requests(), () => {
    moved += 1;
  });
  return { text, done, moved };
}

const say = (value: string): Message => ({ $case: 'text', value });
const ids = (...value: number[]): Message => ({ $case: 'tokens', value: { ids: value } });
const flush: Message = { $case: 'flush', value: {} };

test('hands text, flushes and the end on, and knows when a clause was whole', async () => {
  const { text, done, moved } = await take([say('One, t'), say('wo, '), flush, flush, say('three')]);
  expect(done).toEqual(['One, t', 'wo, ', '|', '|', 'three', 'end']);
  expect(moved).toBe(5);
  expect(text.length).toBe(15);
  // "One, " is known to be whole when something follows it, "two, " by the flush, the rest by the end.
  expect(text.wholeSinceUs(5)).toBe(10_000);
  expect(text.wholeSinceUs(10)).toBe(30_000);
  expect(text.wholeSinceUs(15)).toBe(50_000);
});

test('finds the ends of words', async () => {
  const { text } = await take([say('One tw'), say('o, three')]);
  const ends = [0, 2, 3, 4, 7, 8, 9, 14].map((at) => text.wordEnd(0, at));
  expect(ends).toEqual([0, 0, 3, 3, 3, 8, 8, 14]);
  expect(text.wordEnd(8, 12)).toBe(8);
  expect(text.wordEnd(8, 14)).toBe(14);
});

test('ids for voices that take those', async () => {
  const { text, done } = await take([ids(1, 2), ids(), ids(3)], { takesTokenIds: true });
  expect(done).toEqual([Uint32Array.of(1, 2), Uint32Array.of(), Uint32Array.of(3), 'end']);
  expect(text.length).toBe(3);
});

test.each<[string, (Message | undefined)[], object, string]>([
  [
    'a piece that is too long',
    [say('x'.repeat(65_537))],
    { maxBytes: 1e6 },
    'text: 65537 bytes, limit 65536',
  ],
  [
    'a text that is too long',
    [say('x'.repeat(600)), say('ü'.repeat(201))],
    {},
    'text: more than 1000 bytes in all',
  ],
  ['a second start', [say('x'), { $case: 'start', value: {} as never }], {}, 'start: came before'],
  ['nothing', [undefined], {}, 'message: none is set'],
  ['ids for a voice of text', [ids(1)], {}, 'tokens: v takes text'],
  ['text for a voice of ids', [say('x')], { takesTokenIds: true }, 'text: v takes token ids'],
  [
    'too many ids',
    [ids(...new Array(16_385).fill(1))],
    { takesTokenIds: true, maxBytes: 1e6 },
    'tokens.ids: 16385 ids, limit 16384',
  ],
  [
    'too many ids in all',
    [ids(...new Array(251).fill(1))],
    { takesTokenIds: true },
    'tokens: more than 1000 bytes in all',
  ],
])('%s is refused by name', async (_, messages, options, message) => {
  await expect(take(messages, options)).rejects.toMatchObject({ failure: 'invalid', message });
});
