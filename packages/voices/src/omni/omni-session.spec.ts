import { OmniPrompt } from './omni-prompt';
import { OmniSession } from './omni-session';

test('a piece of a prompt is computed before the next one is there', async () => {
  const done: string[] = [];
  let seen = () => {};
  const saw = async (what: string) => {
    done.push(what);
    seen();
  };
  const speech = {
    prefill: ({ tokens }: { tokens: Int32Array }) => saw(`rows ${[...tokens].join(' ')}`),
    begin: (tokens: Int32Array) => saw(`begin ${[...tokens].join(' ')}`),
    speak: async () => null,
    close: () => saw('close'),
  };
  const until = async (count: number) => {
    while (done.length < count) {
      await new Promise<void>((resolve) => {
        seen = resolve;
      });
    }
  };
  const ids = { imStart: 1, user: 2, assistant: 3, audio: 4, image: 5, video: 6 };
  const session = new OmniSession({
    prompt: new OmniPrompt(ids, 2, 20),
    openSpeech: () => speech as never,
    width: 2,
    textVocab: 20,
    rows: 6,
    nowUs: () => 0,
  });
  const piece = (more: boolean, ...tokenIds: number[]) => ({
    tokenIds: Uint32Array.from(tokenIds),
    hiddenRows: new Float32Array(0),
    hiddenPositions: new Uint32Array(0),
    ropePositions: null,
    more,
  });
  session.pushPrompt(piece(true, 1, 2, 7));
  const read = session.clauses(new AbortController().signal).next();
  await until(1);
  expect(done).toEqual(['rows 1 2 7']);
  expect(() => session.push(Uint32Array.of(9))).toThrow('ids before the whole prompt');
  session.pushPrompt(piece(false, 8, 1, 3, 10));
  await until(3);
  expect(done.slice(1, 3)).toEqual(['rows 8', 'begin 1 3 10']);
  expect(() => session.pushPrompt(piece(false, 8))).toThrow('prompt: the piece before it was the last');
  expect(() => session.push(Uint32Array.of(9, 9, 9))).toThrow('tokens.ids: must be at most 2');
  session.end();
  expect(await read).toEqual({ done: true, value: undefined });
  expect(done.slice(3)).toEqual(['close']);
});
