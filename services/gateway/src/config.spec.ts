import { configHelp, readConfig } from '@zen/config';
import { hostOf, isLoopback, portOf, settings } from './config';

test.each([
  ['127.0.0.1:80', true],
  ['127.8.9.1:80', true],
  ['localhost:80', true],
  ['[::1]:80', true],
  ['0.0.0.0:80', false],
  ['[::]:80', false],
  ['10.0.0.1:80', false],
  ['127.0.0.1.example.org:80', false],
  ['example.org:80', false],
])('%s is loopback: %p', (address, want) => {
  expect(isLoopback(address)).toBe(want);
});

test('an address in its parts', () => {
  expect([hostOf('[::1]:80'), portOf('[::1]:80')]).toEqual(['[::1]', 80]);
});

test('the defaults are what the help says', () => {
  const config = readConfig(settings, {});
  expect(config).toMatchObject({
    ttftMs: 1000,
    tpotMs: 100,
    dwellMs: 2000,
    maxBodyBytes: 12 * 2 ** 20,
    corsOrigins: [],
  });
  expect(configHelp(settings)).toMatch(/ZEN_TTFT .*default 1s/);
});

test.each([
  ['a dwell below two seconds', { ZEN_STAGE_DWELL: '1s' }, 'ZEN_STAGE_DWELL'],
  ['an origin with a path', { ZEN_CORS_ORIGINS: 'https://a.example/x' }, 'ZEN_CORS_ORIGINS'],
  ['a thinker without a port', { ZEN_THINKERS: 'a:1,b' }, 'ZEN_THINKERS'],
])('%s is refused', (_, env, name) => {
  expect(() => readConfig(settings, env)).toThrow(name);
});
