import { z } from 'zod';
import {
  address,
  bandwidth,
  bytes,
  ConfigError,
  configHelp,
  duration,
  flag,
  integer,
  list,
  readConfig,
} from '.';

const settings = {
  listen: {
    env: 'ZEN_LISTEN',
    type: address().default('127.0.0.1:0'),
    help: 'where to listen',
    default: '127.0.0.1:0',
  },
  kvBytes: { env: 'ZEN_KV_BYTES', type: bytes(1), help: 'memory of the cache' },
  grace: { env: 'ZEN_GRACE', type: duration().default(30_000), help: 'time to finish', default: '30s' },
};

test('reads values with their units and freezes them', () => {
  const config = readConfig(settings, { ZEN_KV_BYTES: '1.5GiB', ZEN_GRACE: '250ms' });
  expect(config).toEqual({ listen: '127.0.0.1:0', kvBytes: 1.5 * 2 ** 30, grace: 250 });
  expect(Object.isFrozen(config)).toBe(true);
});

test('names every bad variable and never its value', () => {
  const read = () =>
    readConfig(settings, { ZEN_LISTEN: 'nowhere', ZEN_KV_BYTES: 'hunter2', ZEN_GRACE: '10 parsecs' });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(
    /ZEN_LISTEN: must be host:port.*\nZEN_KV_BYTES: must be a size.*\nZEN_GRACE: must be a duration/,
  );
  expect(read).not.toThrow(/hunter2/);
});

test('an empty variable is an absent one', () => {
  expect(() => readConfig(settings, { ZEN_KV_BYTES: '' })).toThrow('ZEN_KV_BYTES');
  expect(readConfig(settings, { ZEN_KV_BYTES: '1', ZEN_LISTEN: '' }).listen).toBe('127.0.0.1:0');
});

test.each([
  ['size', bytes(10, 100), '100', 100],
  ['decimal size', bytes(), '2kB', 2000],
  ['rate in bytes', bandwidth(), '2MiB/s', 2 * 2 ** 20],
  ['bandwidth in bits', bandwidth(), '20mbit', 2_500_000],
  ['bandwidth in bits per second', bandwidth(), '1.5Gbit/s', 187_500_000],
  ['bandwidth in bytes', bandwidth(), '2.5MB', 2_500_000],
  ['bandwidth in binary bytes', bandwidth(), '1 MiB/s', 2 ** 20],
  ['slow bandwidth', bandwidth(), '64kbit', 8000],
  ['duration', duration(), '5m', 300_000],
  ['integer', integer(1, 8), '8', 8],
  ['flag', flag(), 'true', true],
  ['IPv6 address', address(), '[::1]:80', '[::1]:80'],
  ['list', list(address()), 'a:1, b:2', ['a:1', 'b:2']],
])('%s is read', (_, type, text, value) => {
  expect((type as z.ZodType).parse(text)).toEqual(value);
});

test.each([
  ['size below', bytes(10, 100), '9'],
  ['size above', bytes(10, 100), '101'],
  ['rate of nothing', bandwidth(), '0mbit'],
  ['rate in words', bandwidth(), 'fast'],
  ['bandwidth without a unit', bandwidth(), '20'],
  ['bandwidth in neither bits nor bytes', bandwidth(), '20mb'],
  ['negative bandwidth', bandwidth(), '-1MB'],
  ['bandwidth above any link', bandwidth(), '10000gbit'],
  ['property of every object', bandwidth(), '1constructor'],
  ['integer above', integer(1, 8), '9'],
  ['fraction', integer(1, 8), '1.5'],
  ['port', address(), 'host:65536'],
  ['no port', address(), 'host'],
  ['flag', flag(), 'yes'],
  ['list with a hole', list(address()), 'a:1,,b:2'],
])('%s is refused', (_, type, text) => {
  expect((type as z.ZodType).safeParse(text).success).toBe(false);
});

test('help lists each variable with its default', () => {
  expect(configHelp(settings)).toContain('ZEN_GRACE     time to finish (default 30s)');
});
