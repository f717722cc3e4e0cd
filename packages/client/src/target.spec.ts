import { targetOf } from './target';

describe('target', () => {
  test.each<[string | string[], string]>([
    ['gateway.zen.svc:50050', 'dns:///gateway.zen.svc:50050'],
    [['gateway:50050'], 'dns:///gateway:50050'],
    [['10.0.0.1:1', '10.0.0.2:2'], 'ipv4:10.0.0.1:1,10.0.0.2:2'],
    ['[fd00::1]:1', 'ipv6:[fd00::1]:1'],
  ])('%s', (gateways, target) => expect(targetOf(gateways)).toBe(target));

  test.each<[string | string[], string]>([
    [[], 'at least one'],
    [['a:1', 'b:1'], 'not several names'],
    [['10.0.0.1:1', '[fd00::1]:1'], 'one family'],
    [['10.0.0.1:1', 'a:1'], 'one family'],
    ['gateway', '"gateway" is not host:port'],
    ['gateway:0', 'is not host:port'],
    ['http://gateway:80', 'is not host:port'],
  ])('%s is refused', (gateways, message) => expect(() => targetOf(gateways)).toThrow(message));
});
