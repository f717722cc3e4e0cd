import type { SpokenClause } from './speech-engine';
import { type SayClause, TextSession } from './text-session';

const never = () => new AbortController().signal;

/** Says each clause as two parts: as many samples as characters, and none. */
const say: SayClause = async function* ({ text }) {
  yield { samples: new Float32Array(text.length), computeUs: 1, isLast: false };
  yield { samples: new Float32Array(), computeUs: 2, isLast: true };
};

async function all(session: TextSession): Promise<SpokenClause[]> {
  const parts: SpokenClause[] = [];
  for await (const part of session.clauses(never())) parts.push(part);
  return parts;
}

describe('TextSession', () => {
  it('says clauses with their places, in parts', async () => {
    const session = new TextSession(say);
    session.push('Hi. ');
    session.push('You.');
    session.end();
    expect(
      (await all(session)).map(({ textStart, textEnd, samples, isLast }) => [
        textStart,
        textEnd,
        samples.length,
        isLast,
      ]),
    ).toEqual([
      [0, 4, 4, false],
      [0, 4, 0, true],
      [4, 8, 4, false],
      [4, 8, 0, true],
    ]);
  });

  it('makes nothing before it is asked, and nothing more than is asked', async () => {
    let said = 0;
    const session = new TextSession(async function* (clause, signal) {
      said += 1;
      yield* say(clause, signal);
    });
    session.push('One. Two. Three. Four. ');
    session.end();
    await new Promise(setImmediate);
    expect(said).toBe(0);
    const clauses = session.clauses(never());
    await clauses.next();
    await new Promise(setImmediate);
    expect(said).toBe(1);
    await clauses.return(undefined);
    expect(said).toBe(1);
  });

  it('waits for text, and goes on when it comes, is flushed or ends', async () => {
    const session = new TextSession(say);
    const clauses = session.clauses(never());
    const next = async () => (await clauses.next()).value?.textEnd;
    const first = next();
    session.push('One. T');
    expect(await first).toBe(5);
    await next();
    const second = next();
    session.flush();
    expect(await second).toBe(6);
    await next();
    const third = next();
    session.end();
    expect(await third).toBeUndefined();
  });

  it('stops by the signal while it waits, and between parts', async () => {
    for (const text of ['', 'One. Two. Three.']) {
      const stop = new AbortController();
      const session = new TextSession(say);
      session.push(text);
      const clauses = session.clauses(stop.signal);
      if (text) await clauses.next();
      const next = clauses.next();
      stop.abort(new Error('enough'));
      const rest = async () => {
        for (let part = await next; !part.done; part = await clauses.next());
      };
      await expect(rest()).rejects.toMatchObject({ failure: 'cancelled', cause: new Error('enough') });
    }
  });

  it('hands on what saying fails with', async () => {
    const session = new TextSession(async function* () {
      yield { samples: new Float32Array(1), computeUs: 0, isLast: false };
      throw new Error('broken');
    });
    session.push('One. ');
    session.end();
    await expect(all(session)).rejects.toThrow('broken');
  });

  it('refuses ids, text after the end and a second reader', async () => {
    const session = new TextSession(say);
    expect(() => session.push(new Uint32Array(2))).toThrow(expect.objectContaining({ failure: 'bad-input' }));
    session.end();
    expect(() => session.push('x')).toThrow(/after the end/);
    await all(session);
    await expect(all(session)).rejects.toThrow(/read once/);
  });
});
