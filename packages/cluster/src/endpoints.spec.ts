import { type EndpointSlice, openEndpoints } from './endpoints';

type Conditions = { ready?: boolean | null; serving?: boolean | null; terminating?: boolean | null };

const addresses = (...given: Parameters<typeof openEndpoints>) =>
  openEndpoints(...given).map(({ address }) => address);

const slice = (...endpoints: [string, (Conditions | undefined)?][]): EndpointSlice => ({
  ports: [{ name: 'grpc', port: 50051 }],
  endpoints: endpoints.map(([address, conditions]) => ({
    addresses: [address],
    ...(conditions ? { conditions } : {}),
  })),
});

describe('open endpoints', () => {
  test.each<[string, Conditions | undefined, boolean]>([
    ['ready', { ready: true, serving: true, terminating: false }, true],
    ['nothing said', undefined, true],
    ['nulls', { ready: null, serving: null, terminating: null }, true],
    ['loading', { ready: false, serving: false, terminating: false }, false],
    ['published although it loads', { ready: true, serving: false, terminating: false }, false],
    ['terminating but serving', { ready: false, serving: true, terminating: true }, false],
    ['terminating and published', { ready: true, serving: true, terminating: true }, false],
  ])('%s', (_, conditions, open) => {
    expect(addresses([slice(['10.0.0.1', conditions])], 'grpc')).toEqual(open ? ['10.0.0.1:50051'] : []);
  });

  test.each<[string, Conditions, boolean]>([
    ['its node is late', { ready: false, serving: false, terminating: false }, true],
    ['it is on its way out', { ready: false, serving: true, terminating: true }, false],
  ])('one that was open before, when %s', (_, conditions, open) => {
    const before = new Set(['10.0.0.1:50051']);
    const slices = [slice(['10.0.0.1', conditions], ['10.0.0.2', conditions])];
    expect(addresses(slices, 'grpc', before)).toEqual(open ? ['10.0.0.1:50051'] : []);
    expect(addresses([slice()], 'grpc', before)).toEqual([]);
  });

  test('an IPv6 address is put in brackets', () => {
    expect(addresses([slice(['fd00::1'])], 'grpc')).toEqual(['[fd00::1]:50051']);
  });

  test('of two families one counts, and a pod in two slices counts once', () => {
    const slices = [slice(['fd00::1'], ['fd00::2']), slice(['10.0.0.1']), slice(['10.0.0.1'], ['10.0.0.2'])];
    expect(addresses(slices, 'grpc')).toEqual(['10.0.0.1:50051', '10.0.0.2:50051']);
  });

  test('a port is found by its name or taken as it is', () => {
    const two = { ...slice(['10.0.0.1']), ports: [{ name: 'probe', port: 9000 }] };
    expect(addresses([two], 'grpc')).toEqual([]);
    expect(addresses([two], 'probe')).toEqual(['10.0.0.1:9000']);
    expect(addresses([two], 7)).toEqual(['10.0.0.1:7']);
    expect(addresses([{ endpoints: null, ports: null }], 'grpc')).toEqual([]);
  });

  test('what is no address is left out', () => {
    expect(addresses([slice(['evil.example'], [''], ['10.0.0.1/x'])], 'grpc')).toEqual([]);
  });

  test('an endpoint says its machine and zone where the slice does', () => {
    const there = { addresses: ['10.0.0.1'], nodeName: 'node-a', zone: 'zone-1' };
    const slices = [{ ports: [], endpoints: [there, { addresses: ['10.0.0.2'], nodeName: null }] }];
    expect(openEndpoints(slices, 1)).toEqual([
      { address: '10.0.0.1:1', node: 'node-a', zone: 'zone-1' },
      { address: '10.0.0.2:1', node: '', zone: '' },
    ]);
  });
});
