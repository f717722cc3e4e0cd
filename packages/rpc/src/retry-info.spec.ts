import { status } from '@grpc/grpc-js';
import { decodeRetryInfo, encodeRetryInfo } from './retry-info';
import { RpcError } from './rpc-error';

test('is a google.rpc.Status with a google.rpc.RetryInfo, byte for byte', () => {
  const type = Buffer.from('type.googleapis.com/google.rpc.RetryInfo');
  const expected = [
    ...[0x08, 8, 0x12, 2, 0x6e, 0x6f],
    ...[0x1a, 2 + type.length + 2 + 10, 0x0a, type.length, ...type],
    // value: RetryInfo { retry_delay: Duration { seconds: 2, nanos: 500,000,000 } }
    ...[0x12, 10, 0x0a, 8, 0x08, 2, 0x10, 0x80, 0xca, 0xb5, 0xee, 0x01],
  ];
  expect([...encodeRetryInfo(8, 'no', 2500)]).toEqual(expected);
});

test.each([0, 1, 999, 1000, 120_000, 86_400_000])('%d ms there and back', (ms) => {
  expect(decodeRetryInfo(encodeRetryInfo(8, 'busy', ms))).toBe(ms);
});

test.each([
  ['nothing', []],
  ['a status without details', [8, 8]],
  ['what is none', [0xff, 0xff, 0xff]],
  ['a cut one', [...encodeRetryInfo(8, 'busy', 2500)].slice(0, 60)],
])('%s has no delay', (_, bytes) => {
  expect(decodeRetryInfo(Uint8Array.from(bytes))).toBeNull();
});

test('an error carries it over its status', () => {
  const error = new RpcError('RESOURCE_EXHAUSTED', 'busy', { 'x-some': 'thing' }, 3000);
  const sent = error.toStatus();
  expect(sent.code).toBe(status.RESOURCE_EXHAUSTED);
  const received = RpcError.from(Object.assign(new Error(), sent));
  expect(received).toMatchObject({ code: 'RESOURCE_EXHAUSTED', retryAfterMs: 3000 });
  expect(received.metadata).toEqual({ 'x-some': 'thing' });
});
