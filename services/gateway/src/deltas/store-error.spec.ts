import { type RpcCode, RpcError } from '@zen/rpc';
import { GatewayError } from '../gateway-error';
import { storeError } from './store-error';

const failed = (code: RpcCode, name?: string, message = 'why') =>
  storeError(new RpcError(code, message, name ? { 'x-zen-failure': name } : {}), 'x-zen-delta');

describe('what the store says', () => {
  test.each<[RpcCode, string | undefined, string]>([
    ['NOT_FOUND', 'delta_not_found', 'delta_not_found'],
    ['NOT_FOUND', undefined, 'delta_not_found'],
    ['FAILED_PRECONDITION', 'delta_revoked', 'delta_revoked'],
    ['FAILED_PRECONDITION', 'delta_wrong_base', 'delta_wrong_base'],
    ['FAILED_PRECONDITION', 'delta_in_use', 'conflict'],
    ['FAILED_PRECONDITION', 'no_builds', 'unsupported'],
    ['ABORTED', 'alias_moved', 'conflict'],
    ['DATA_LOSS', 'delta_corrupt', 'delta_corrupt'],
    ['INVALID_ARGUMENT', 'delta_too_large', 'delta_too_large'],
    ['RESOURCE_EXHAUSTED', 'delta_quota', 'quota_exceeded'],
    ['RESOURCE_EXHAUSTED', 'storage_full', 'unavailable'],
  ])('%s %s is %s, in its own words', (code, name, failure) => {
    expect(failed(code, name)).toMatchObject({ failure, message: 'x-zen-delta: why', param: 'x-zen-delta' });
  });

  test.each<[RpcCode, string]>([
    ['UNAVAILABLE', 'delta_store_unavailable'],
    ['DEADLINE_EXCEEDED', 'delta_store_unavailable'],
    ['UNAUTHENTICATED', 'internal'],
    ['PERMISSION_DENIED', 'internal'],
    ['UNKNOWN', 'internal'],
  ])('%s is %s, and its words stay here', (code, failure) => {
    const error = failed(code, undefined, '10.0.0.7:50060 secret');
    expect(error.failure).toBe(failure);
    expect(error.message).not.toContain('10.0.0.7');
  });

  test('a refused field keeps its own name', () => {
    const error = failed('INVALID_ARGUMENT', 'delta_invalid', 'delta: q.scales: not finite');
    expect(error).toMatchObject({ failure: 'invalid_request', param: 'delta' });
  });

  test('what the caller did wrong on the way there stays what it is', () => {
    const own = new GatewayError('body_too_large', 'at most 5 bytes');
    expect(storeError(own)).toBe(own);
  });
});
