import { cacheHome } from './cache-home';

describe('cacheHome', () => {
  it.each([
    [{ ZEN_HOME: '/z', XDG_CACHE_HOME: '/x', HOME: '/h' }, '/z'],
    [{ XDG_CACHE_HOME: '/x', HOME: '/h' }, '/x/zen'],
    [{ ZEN_HOME: '', XDG_CACHE_HOME: '', HOME: '/h' }, '/h/.cache/zen'],
  ])('of %p is %s', (env, expected) => {
    expect(cacheHome(env)).toBe(expected);
  });

  it('refuses a relative folder by name', () => {
    expect(() => cacheHome({ ZEN_HOME: 'z' })).toThrow('ZEN_HOME: z must be an absolute path');
  });
});
