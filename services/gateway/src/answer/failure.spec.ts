import { RpcError } from '@zen/rpc';
import { gatewayError, replicaFailure } from './failure';

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
  ['INVALID_ARGUMENT', 'sampling.temperature: 3 is above 2', 'invalid_request', 'temperature'],
  ['INVALID_ARGUMENT', 'max_tokens: 9000, at most 8192', 'invalid_request', 'max_tokens'],
  ['INVALID_ARGUMENT', 'Something else', 'invalid_request', null],
  ['NOT_FOUND', 'model: no such', 'model_not_found', null],
  ['RESOURCE_EXHAUSTED', 'the queue is full', 'overloaded', null],
  ['DEADLINE_EXCEEDED', 'too late', 'timeout', null],
] as const)('%s "%s" becomes %s', (code, message, failure, param) => {
  expect(gatewayError(new RpcError(code, message), signal)).toMatchObject({ failure, message, param });
});

test('how a thinker broke stays inside', () => {
  const error = gatewayError(new RpcError('INTERNAL', 'segfault at 0xdeadbeef'), signal);
  expect(error).toMatchObject({ failure: 'unavailable', retryAfterS: 1 });
  expect(error.message).not.toContain('segfault');
});
