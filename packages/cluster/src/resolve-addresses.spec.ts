import { resolveAddresses } from './resolve-addresses';

test('an address stays as it is, a name becomes its addresses, each once', async () => {
  const { addresses, failures } = await resolveAddresses(['127.0.0.1:7001', '[::1]:7002', 'localhost:7001']);
  expect(failures).toEqual([]);
  expect(addresses.slice(0, 2)).toEqual(['127.0.0.1:7001', '[::1]:7002']);
  expect(addresses.slice(2).every((address) => address === '[::1]:7001')).toBe(true);
});

test('a name that does not resolve is reported, the others count', async () => {
  const { addresses, failures } = await resolveAddresses(['nowhere.invalid:1', '127.0.0.1:2']);
  expect(addresses).toEqual(['127.0.0.1:2']);
  expect(failures).toMatchObject([{ name: 'nowhere.invalid' }]);
});
