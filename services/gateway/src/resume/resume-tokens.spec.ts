import { ExpertFloor, Sampling, Usage } from '@zen/contracts';
import { type AnswerRequest, NO_WISH } from '../answer/answer';
import { AnswerRecord } from '../answer/answer-record';
import { NO_DELTA_WISH } from '../deltas/delta-wish';
import { GatewayError } from '../gateway-error';
import { ANONYMOUS } from '../keys/tenant';
import { MOST_TOKENS, ResumeTokens } from './resume-tokens';

const KEY = 'a key of at least sixteen characters';
const NOW = 1_800_000_000_000;

function request(more: Partial<AnswerRequest> = {}): AnswerRequest {
  return {
    requestId: 'r',
    tenant: ANONYMOUS,
    model: 'm',
    prompt: { $case: 'text', value: 'hello' },
    sampling: Sampling.fromPartial({ temperature: 0.5 }),
    maxTokens: 5000,
    wish: NO_WISH,
    priority: 0,
    deltaWish: NO_DELTA_WISH,
    delta: null,
    carrier: {},
    ...more,
  };
}

function tokens(more: Partial<ConstructorParameters<typeof ResumeTokens>[0]> = {}): ResumeTokens {
  return new ResumeTokens({ enabled: true, key: KEY, wallClock: () => NOW, ...more });
}

/** An answer of `count` tokens with one unit of text each. */
function record(count: number, stage = 2): AnswerRecord {
  const made = new AnswerRecord(1e6, MOST_TOKENS);
  made.started({ stage, promptTokens: 3, cachedPromptTokens: 0, queueUs: 0n, seed: 77n, deltaDigest: '' });
  for (let i = 0; i < count; i++) {
    made.add({ kind: 'piece', text: 'x', tokenIds: [49_000 + (i % 100)], logprobs: [], stage });
  }
  return made;
}

const read = (from: ResumeTokens, token: string, asked = request()) =>
  from.read({ token, field: 'last-event-id' }, asked);

describe('resume tokens', () => {
  test('a handover brings the tokens to any gateway with the key', () => {
    const answer = record(50);
    const token = tokens().issue(request(), 'm', answer).handover() ?? '';
    expect(read(tokens(), token)).toEqual({
      model: 'm',
      stage: 2,
      seed: 77n,
      deltaDigest: '',
      expertFloor: ExpertFloor.EXPERT_FLOOR_UNSPECIFIED,
      expertFalls: undefined,
      tokens: answer.tokens,
      textUnits: 50,
      position: 50,
      hash: answer.hash,
    });
  });

  test('the floor that an answer began with, and how it fell, travel with it', () => {
    const answer = record(5);
    const expertFalls = { standIn: 7n, without: 1n };
    answer.add({ kind: 'piece', text: 'x', tokenIds: [9], logprobs: [], stage: 2, expertFalls });
    const exact = request({ wish: { ...NO_WISH, expertFloor: ExpertFloor.EXPERT_FLOOR_EXACT } });
    const offer = tokens().issue(exact, 'm', answer);
    // Another time the experts may be there, and the answer another one.
    expect(offer.position()).toBe('');
    const point = read(tokens(), offer.handover() ?? '');
    expect(point).toMatchObject({ expertFloor: ExpertFloor.EXPERT_FLOOR_EXACT, expertFalls });
    const resumed = new AnswerRecord(1e6, MOST_TOKENS, point);
    const end = { kind: 'end' as const, reason: 1, usage: Usage.create(), stop: '' };
    expect(resumed.end(end).expertFalls).toEqual(expertFalls);
    expect(resumed.end({ ...end, expertFalls }).expertFalls).toEqual({ standIn: 14n, without: 2n });
  });

  test('the token of an event is short, and stands for a place that is computed again', () => {
    const offer = tokens().issue(request(), 'member', record(50));
    const token = offer.position() ?? '';
    expect(token.length).toBeLessThan(120);
    expect(read(tokens(), token)).toMatchObject({ model: 'member', tokens: [], textUnits: 0, position: 50 });
  });

  test('a long answer gives a token that fits metadata and headers', () => {
    const answer = record(5000);
    const token = tokens().issue(request(), 'm', answer).handover() ?? '';
    expect(token.length).toBeLessThan(8192);
    const point = read(tokens(), token);
    expect(point).toMatchObject({ tokens: answer.tokens.slice(0, MOST_TOKENS), position: 5000 });
    expect(point.textUnits).toBe(MOST_TOKENS);
  });

  const digest = `sha256:${'cd'.repeat(32)}`;
  const field = 'x-zen-delta';
  const delta = { digest, baseDigest: '', recipe: 'lora1', bytes: 1n, field, token: () => '' };
  const withDelta = request({ deltaWish: { name: 'users/alice', field }, delta });

  test('holds the digest that the name stood for when the answer began', () => {
    const offer = tokens().issue(withDelta, 'm', record(5000));
    for (const token of [offer.position() ?? '', offer.handover() ?? '']) {
      expect(token.length).toBeLessThan(8192);
      expect(read(tokens(), token, withDelta).deltaDigest).toBe(digest);
    }
  });

  test.each([
    ['no delta', request()],
    ['another delta', request({ deltaWish: { name: 'users/bob', field }, delta })],
  ])('an answer with a delta does not go on as one with %s', (_, asked) => {
    const token = tokens().issue(withDelta, 'm', record(9)).position() ?? '';
    expect(() => read(tokens(), token, asked)).toThrow(/another request/);
  });

  test('an answer of several stages is not computed again, but handed over', () => {
    const answer = record(5, 1);
    answer.add({ kind: 'piece', text: 'x', tokenIds: [9], logprobs: [], stage: 2 });
    const offer = tokens().issue(request(), 'm', answer);
    expect(offer.position()).toBe('');
    expect(read(tokens(), offer.handover() ?? '')).toMatchObject({ stage: 2, position: 6 });
  });

  test('nothing is offered before the first token, and nothing where it is turned off', () => {
    expect(tokens().issue(request(), 'm', record(0)).handover()).toBeUndefined();
    const off = tokens({ enabled: false }).issue(request(), 'm', record(5));
    expect([off.position(), off.handover()]).toEqual([undefined, undefined]);
  });

  const token = tokens().issue(request(), 'm', record(9)).handover() ?? '';
  const [state = '', position, hash] = token.split('.');
  const flipped = `${state.slice(0, 20)}${state[20] === 'A' ? 'B' : 'A'}${state.slice(21)}`;
  test.each<[string, string, AnswerRequest, ResumeTokens, RegExp]>([
    ['nonsense', 'nonsense', request(), tokens(), /not a token that this gateway takes/],
    ['one without its position', state, request(), tokens(), /not a token that this gateway takes/],
    ['a changed one', `${flipped}.${position}.${hash}`, request(), tokens(), /not a token/],
    [
      'one of a gateway with another key',
      token,
      request(),
      tokens({ key: undefined }),
      /share ZEN_RESUME_KEY/,
    ],
    [
      'one of another tenant',
      token,
      request({ tenant: { ...ANONYMOUS, name: 'b' } }),
      tokens(),
      /another tenant/,
    ],
    [
      'one of another prompt',
      token,
      request({ prompt: { $case: 'text', value: 'x' } }),
      tokens(),
      /another request/,
    ],
    ['one of other sampling', token, request({ sampling: Sampling.create() }), tokens(), /another request/],
    ['one of another length', token, request({ maxTokens: 6 }), tokens(), /another request/],
    ['an old one', token, request(), tokens({ wallClock: () => NOW + 3_700_000 }), /expired/],
    ['a long one', 'a'.repeat(9000), request(), tokens(), /9000 characters, at most 8192/],
    ['a place before its tokens', `${state}.3.${hash}`, request(), tokens(), /before its tokens/],
    ['any where it is turned off', token, request(), tokens({ enabled: false }), /turned off/],
  ])('refuses %s by name', (_, text, asked, from, message) => {
    let thrown: unknown;
    try {
      read(from, text, asked);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(GatewayError);
    expect(thrown).toMatchObject({ failure: 'invalid_request', param: 'last-event-id' });
    expect((thrown as Error).message).toMatch(/^last-event-id: /);
    expect((thrown as Error).message).toMatch(message);
  });

  test('what is computed again has to be the same answer', () => {
    const answer = record(9);
    const again = (ids: number[]) => {
      const point = read(tokens(), tokens().issue(request(), 'm', answer).position() ?? '');
      const made = new AnswerRecord(1e6, MOST_TOKENS, point);
      return ids.map((id) => made.add({ kind: 'piece', text: 'x', tokenIds: [id], logprobs: [], stage: 2 }));
    };
    expect(again([...answer.tokens, 5])).toEqual([...Array(9).fill(false), true]);
    expect(() => again([...answer.tokens.slice(0, 8), 5])).toThrow('cannot be computed again');
  });
});
