import { RpcError } from '@zen/rpc';
import { gatewayError, replicaFailure } from './failure';
import { moveType } from './move-type';

const { signal } = new AbortController();
const aborted = AbortSignal.abort();

test.each([
  ['UNAVAILABLE', signal, 'unavailable'],
  ['INTERNAL', signal, 'unavailable'],
  ['RESOURCE_EXHAUSTED', signal, 'overloaded'],
  ['INVALID_ARGUMENT', signal, 'refused'],
  ['CANCELLED', aborted, 'cancelled'],
  // Nobody here cancelled it: the thinker is going down.
  ['CANCELLED', signal, 'unavailable'],
] as const)('%s says of the replica: %s', (code, at, want) => {
  expect(replicaFailure(new RpcError(code, ''), at)).toBe(want);
});

test.each([
  [
    'INVALID_ARGUMENT',
    'sampling.temperature: 3, limit 2',
    'invalid_request',
    'temperature',
    'temperature: 3, limit 2',
  ],
  [
    'INVALID_ARGUMENT',
    'max_tokens: 9000, limit 8192',
    'invalid_request',
    'max_tokens',
    'max_tokens: 9000, limit 8192',
  ],
  [
    'INVALID_ARGUMENT',
    'chat.messages[1].role: bad',
    'invalid_request',
    'messages[1].role',
    'messages[1].role: bad',
  ],
  [
    'INVALID_ARGUMENT',
    'chat: 9 tokens, limit 8',
    'context_length_exceeded',
    'messages',
    'messages: 9 tokens, limit 8',
  ],
  ['INVALID_ARGUMENT', 'tokens.token_ids: 9 is no id', 'invalid_request', 'prompt', 'prompt: 9 is no id'],
  [
    'INVALID_ARGUMENT',
    'text: 9 bytes, limit 8',
    'context_length_exceeded',
    'prompt',
    'prompt: 9 bytes, limit 8',
  ],
  [
    'INVALID_ARGUMENT',
    'chat: the text has more than 8 tokens',
    'context_length_exceeded',
    'messages',
    'messages: the text has more than 8 tokens',
  ],
  ['INVALID_ARGUMENT', 'Something else', 'invalid_request', null, 'Something else'],
  ['NOT_FOUND', 'model: no such', 'model_not_found', null, 'model: no such'],
  ['RESOURCE_EXHAUSTED', 'the queue is full', 'overloaded', null, 'the queue is full'],
  ['DEADLINE_EXCEEDED', 'too late', 'timeout', null, 'too late'],
] as const)('%s "%s" becomes %s', (code, message, failure, param, shown) => {
  expect(gatewayError(new RpcError(code, message), signal)).toMatchObject({ failure, message: shown, param });
});

test('how a thinker broke stays inside', () => {
  const error = gatewayError(new RpcError('INTERNAL', 'segfault at 0xdeadbeef'), signal);
  expect(error).toMatchObject({ failure: 'unavailable', retryAfterS: 1 });
  expect(error.message).not.toContain('segfault');
});

test('an expert that could not be had is told by name, and its replica is not unwell', () => {
  const error = new RpcError('UNAVAILABLE', 'experts: why', { 'x-zen-failure': 'expert-away' });
  const failure = replicaFailure(error, signal);
  expect(failure).toBe('overloaded');
  expect(moveType(error, failure)).toBe('expert_away');
  expect(gatewayError(error, signal)).toMatchObject({
    failure: 'experts_unavailable',
    message: 'experts: why',
    retryAfterS: 1,
  });
});

describe('a delta that a thinker fails at', () => {
  const named = (name: string) => new RpcError('FAILED_PRECONDITION', 'why', { 'x-zen-failure': name });

  test.each(['delta_not_found', 'delta_wrong_base', 'delta_revoked', 'delta_corrupt', 'delta_too_large'])(
    '%s keeps its name, and no replica is blamed or asked again',
    (name) => {
      expect(replicaFailure(named(name), signal)).toBe('refused');
      expect(gatewayError(named(name), signal)).toMatchObject({ failure: name, message: 'why' });
    },
  );

  test('a thinker that cannot reach the store is not unwell, and another may have the delta', () => {
    expect(replicaFailure(named('delta_store_unavailable'), signal)).toBe('overloaded');
    expect(gatewayError(named('delta_store_unavailable'), signal)).toMatchObject({
      failure: 'delta_store_unavailable',
      retryAfterS: 1,
    });
  });

  test('a copy that went bad at one thinker may be good at another', () => {
    const lost = new RpcError('UNAVAILABLE', 'why', { 'x-zen-failure': 'delta_lost' });
    expect(replicaFailure(lost, signal)).toBe('overloaded');
    expect(gatewayError(lost, signal)).toMatchObject({ failure: 'unavailable' });
  });

  test('a token that a thinker does not take is our own fault, and says nothing', () => {
    const denied = new RpcError('PERMISSION_DENIED', 'secret', { 'x-zen-failure': 'delta_denied' });
    expect(gatewayError(denied, signal)).toMatchObject({ failure: 'internal', cause: denied });
    expect(gatewayError(denied, signal).message).not.toContain('secret');
  });
});
