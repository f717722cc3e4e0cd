import { parseServiceAddress } from './service-address';

describe('service address', () => {
  test.each([
    ['kubernetes:///thinker:50051', { namespace: '', service: 'thinker', port: 50051 }],
    ['kubernetes://zen-1/zen-thinker:grpc', { namespace: 'zen-1', service: 'zen-thinker', port: 'grpc' }],
  ])('%s', (text, expected) => expect(parseServiceAddress(text)).toEqual(expected));

  test.each([
    'thinker:50051',
    'kubernetes://thinker:50051',
    'kubernetes:///thinker',
    'kubernetes:///thinker:0',
    'kubernetes:///thinker:65536',
    'kubernetes:///Thinker:1',
    'kubernetes:///../secrets:1',
    `kubernetes:///${'a'.repeat(64)}:1`,
  ])('%s is none', (text) => expect(parseServiceAddress(text)).toBeUndefined());
});
