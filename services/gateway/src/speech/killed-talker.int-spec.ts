import { SpeakStart } from '@zen/contracts';
import { endServices, type ServiceProcess, serviceMissing, startService } from '@zen/testing';
import { SpeakAnywhere } from './speak-anywhere';
import type { SpokenEvent } from './spoken-event';
import { talkerConnector } from './talker-client';

jest.setTimeout(120_000);

const missing = serviceMissing('talker');
if (missing) console.warn(`skipped: ${missing}`);

const SENTENCES = [
  'The first train leaves at dawn. ',
  'Nobody waits for the second one, which is always late. ',
  'On Mondays the baker opens early, and the whole street smells of bread. ',
  'A cat sleeps on the warm stones by the door. ',
];
/** Three quarters of a minute, of which no more than some seconds are on their way at a time. */
const TEXT = SENTENCES.join('').repeat(4);
const CLAUSE_ENDS = new Set([...TEXT.matchAll(/[,.] /g)].map(({ index }) => index + 2));

function startTalker(listen = '127.0.0.1:0'): Promise<ServiceProcess> {
  const env = { ZEN_LISTEN: listen, ZEN_TALKER_THREADS: '1', ZEN_TALKER_EARS: 'none', ZEN_TALKER_LEAD: '1s' };
  return startService('talker', env, 'voices here');
}

/** An utterance at these talkers, of which the first that is not shunned is taken. */
function utterance(addresses: string[]) {
  const connect = talkerConnector(undefined);
  const clients = addresses.map((address) => ({ address, client: connect(address) }));
  const speaking = new SpeakAnywhere({
    start: SpeakStart.fromPartial({ requestId: 'killed' }),
    pick: (shunned) => {
      const place = clients.find(({ address }) => !shunned.has(address));
      return place && { address: place.address, client: place.client.talker, ended: () => undefined };
    },
    signal: new AbortController().signal,
    mostMoves: 5,
    mostWaitMs: 60_000,
    nowMs: () => performance.now(),
  });
  const close = () => {
    for (const { client } of clients) for (const one of Object.values(client)) one.close();
  };
  return { speaking, close };
}

/** What is spoken, with a pause for `kill` in the middle of the text, while a clause is being said. */
async function listen(speaking: SpeakAnywhere, kill: () => Promise<unknown>): Promise<SpokenEvent[]> {
  const heard: SpokenEvent[] = [];
  let waits = true;
  for await (const event of speaking.events()) {
    heard.push(event);
    const clause = heard.findLast(({ kind }) => kind === 'clause');
    if (!waits || event.kind !== 'frame' || clause?.kind !== 'clause' || clause.textStart < 100) continue;
    waits = false;
    await kill();
  }
  return heard;
}

/** Proves that text and samples have their places, and that who went on began with a clause. */
function expectResumed(heard: SpokenEvent[], from: string, to: string): void {
  const misplaced: SpokenEvent[] = [];
  let position = 0;
  let text = 0;
  for (const event of heard) {
    if (event.kind === 'clause') {
      if (event.textStart !== text || event.firstSample !== position) misplaced.push(event);
      text = event.textEnd;
    } else if (event.kind === 'frame') {
      if (event.position !== position) misplaced.push(event);
      position += event.pcm.length / 2;
    } else if (event.kind === 'move') {
      if (event.lostText.start !== text) misplaced.push(event);
      text = event.lostText.end;
    }
  }
  expect(misplaced).toEqual([]);
  const moves = heard.flatMap((event) => (event.kind === 'move' ? [event] : []));
  expect(moves).toEqual([expect.objectContaining({ from, to })]);
  // What is lost is the rest of the clause that was being said; what follows it is the next one.
  const [{ lostText }] = moves as [(typeof moves)[0]];
  const at = heard.findIndex(({ kind }) => kind === 'move');
  const before = heard.slice(0, at).findLast(({ kind }) => kind === 'clause');
  expect(before).toMatchObject({ textEnd: lostText.start, clauseEnd: lostText.end });
  expect(CLAUSE_ENDS).toContain(lostText.end);
  expect(lostText.end).toBeLessThan(TEXT.length);
  expect(heard.at(-1)).toMatchObject({ kind: 'end', samples: position, textLength: TEXT.length });
}

(missing ? describe.skip : describe)('a talker killed in the middle of a sentence', () => {
  afterAll(() => endServices());

  test('another goes on with the next clause, and when that one is killed, too, the first one that is back', async () => {
    const [first, second] = await Promise.all([startTalker(), startTalker()]);
    const { speaking, close } = utterance([first.address, second.address]);
    speaking.push(TEXT);
    speaking.end();
    expectResumed(await listen(speaking, () => first.end('SIGKILL')), first.address, second.address);
    close();

    const alone = utterance([second.address]);
    alone.speaking.push(TEXT);
    alone.speaking.end();
    const heard = await listen(alone.speaking, async () => {
      await second.end('SIGKILL');
      await startTalker(second.address);
    });
    expectResumed(heard, second.address, second.address);
    alone.close();
  });
});
