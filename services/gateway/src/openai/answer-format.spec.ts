import { FinishReason, Usage } from '@zen/contracts';
import type { AnswerEnd, AnswerPiece } from '../answer/answer';
import { chatFormat, completionFormat } from './answer-format';
import { chatLogprobs, completionLogprobs } from './logprobs';
import { usageOf } from './usage';

const head = { id: 'id-1', model: 'm', created: 7 };
const end = (promptTokens: number, completionTokens: number): AnswerEnd => ({
  kind: 'end',
  reason: FinishReason.FINISH_REASON_STOP,
  usage: Usage.fromPartial({ promptTokens, cachedPromptTokens: 1, completionTokens }),
  stop: '',
});
const piece = (text: string, stage: number, logprobs: AnswerPiece['logprobs'] = []): AnswerPiece => {
  return { kind: 'piece', text, tokenIds: [], stage, logprobs };
};
const token = (bytes: number[], logprob = -1) => ({
  tokenId: 1,
  token: Buffer.from(bytes),
  logprob,
  top: [],
});

describe('chunks', () => {
  const text = 'a "quoted"\n\u2028 line';

  test('of a chat are JSON of the right shape', () => {
    const chunks = chatFormat.chunks(head, { logprobs: false, usage: false });
    expect(JSON.parse(chunks.piece(2, piece(text, 3), 0))).toEqual({
      id: 'id-1',
      object: 'chat.completion.chunk',
      created: 7,
      model: 'm',
      choices: [{ index: 2, delta: { content: text }, logprobs: null, finish_reason: null }],
      zen: { stage: 3 },
    });
    expect(chunks.piece(0, piece(text, 3), 0)).not.toContain('\n');
    expect(JSON.parse(chunks.opening(0) ?? '').choices[0].delta.role).toBe('assistant');
    expect(JSON.parse(chunks.finish(1, end(1, 1))).choices[0]).toMatchObject({
      index: 1,
      finish_reason: 'stop',
    });
  });

  test('of a completion are JSON of the right shape', () => {
    const chunks = completionFormat.chunks(head, { logprobs: true, usage: true });
    expect(chunks.opening(0)).toBeNull();
    expect(JSON.parse(chunks.piece(0, piece(text, 0, [token([65])]), 3))).toMatchObject({
      object: 'text_completion',
      usage: null,
      choices: [{ text, logprobs: { tokens: ['A'], text_offset: [3] } }],
      zen: { stage: 0 },
    });
    const usage = usageOf([end(3, 4)], 1);
    expect(JSON.parse(chunks.usage(usage))).toMatchObject({ choices: [], usage: { total_tokens: 7 } });
  });
});

test('experts that were away are told with the choice and with the usage, and nowhere else', () => {
  const fallen = { ...end(3, 4), expertFalls: { standIn: 5n, without: 1n } };
  const zen = { expert_falls: { stand_in: 5, without: 1 } };
  for (const format of [chatFormat, completionFormat]) {
    const chunks = format.chunks(head, { logprobs: false, usage: true });
    expect(JSON.parse(chunks.finish(0, fallen)).zen).toEqual(zen);
    expect(JSON.parse(chunks.finish(0, end(3, 4))).zen).toBeUndefined();
    expect(JSON.parse(chunks.usage(usageOf([fallen, end(3, 1), fallen], 1))).usage.zen).toEqual({
      expert_falls: { stand_in: 10, without: 2 },
    });
  }
  expect(usageOf([end(3, 4)], 1)).not.toHaveProperty('zen');
});

test('a prompt that several choices share is counted once', () => {
  const ends = [end(10, 1), end(10, 2), end(20, 3), end(20, 4)];
  expect(usageOf(ends, 2)).toEqual({
    prompt_tokens: 30,
    completion_tokens: 10,
    total_tokens: 40,
    prompt_tokens_details: { cached_tokens: 2 },
  });
});

test('a token that is half a character keeps its bytes; minus infinity becomes a number', () => {
  const half = { ...token([0xe2, 0x82], Number.NEGATIVE_INFINITY), top: [token([0xe2, 0x82], -2)] };
  expect(chatLogprobs([half]).content).toEqual([
    {
      token: '\ufffd',
      bytes: [0xe2, 0x82],
      logprob: -9999,
      top_logprobs: [{ token: '\ufffd', bytes: [0xe2, 0x82], logprob: -2 }],
    },
  ]);
  expect(completionLogprobs([half, token([66])], 5).text_offset).toEqual([5, 6]);
});
