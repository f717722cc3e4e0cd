import { readDeltaAsks } from './delta-wish';

const MODELS = ['zen-nano', 'qwen2.5:7b', 'zen-nano:taken'];
const DIGEST = `sha256:${'ab'.repeat(32)}`;
const read = (asks: object, rule: string | null = null) =>
  readDeltaAsks({ model: 'zen-nano', ...asks }, rule, (name) => MODELS.includes(name));

describe('which delta a request asks for', () => {
  test.each([
    ['nothing is the base', {}, 'zen-nano', ''],
    ['none is the base', { header: 'none' }, 'zen-nano', ''],
    ['an alias after the model', { model: 'zen-nano:users/alice' }, 'zen-nano', 'users/alice'],
    ['a digest after the model', { model: `zen-nano:${DIGEST}` }, 'zen-nano', DIGEST],
    ['a model with a colon of its own', { model: 'qwen2.5:7b' }, 'qwen2.5:7b', ''],
    ['and an alias after it', { model: 'qwen2.5:7b:prod' }, 'qwen2.5:7b', 'prod'],
    ['and a digest after it', { model: `qwen2.5:7b:${DIGEST}` }, 'qwen2.5:7b', DIGEST],
    ['a model that is called so wins', { model: 'zen-nano:taken' }, 'zen-nano:taken', ''],
    ['an unknown model stays whole', { model: 'gpt:prod' }, 'gpt:prod', ''],
    ['a header', { header: 'prod' }, 'zen-nano', 'prod'],
    ['a message', { message: DIGEST }, 'zen-nano', DIGEST],
    ['the same twice', { model: 'zen-nano:prod', header: 'prod', message: 'prod' }, 'zen-nano', 'prod'],
    ['a user without a rule', { user: 'Alice Doe' }, 'zen-nano', ''],
  ])('%s', (_, asks, model, name) => {
    expect(read(asks)).toMatchObject({ model, delta: { name } });
  });

  test.each([
    ['a user', { user: 'alice' }, 'users/alice'],
    ['an explicit name wins', { user: 'alice', header: 'prod' }, 'prod'],
    ['none wins', { user: 'alice', header: 'none' }, ''],
    ['no user', { user: '' }, ''],
  ])('with a rule: %s', (_, asks, name) => {
    expect(read(asks, 'users/{user}').delta.name).toBe(name);
  });

  test.each([
    ['header and model', { model: 'zen-nano:prod', header: 'test' }, 'x-zen-delta', 'model'],
    ['none and model', { model: 'zen-nano:prod', header: 'none' }, 'x-zen-delta', 'model'],
    ['message and model', { model: 'zen-nano:prod', message: DIGEST }, 'delta', 'model'],
    ['header and message', { header: 'a', message: 'b' }, 'x-zen-delta', 'delta'],
  ])('a contradiction of %s names both', (_, asks, param, other) => {
    const failure = { failure: 'invalid_request', param, message: expect.stringContaining(other) };
    expect(() => read(asks)).toThrow(expect.objectContaining(failure));
  });

  test.each([
    ['upper case', { header: 'Prod' }, 'x-zen-delta'],
    ['an empty header', { header: '' }, 'x-zen-delta'],
    ['an empty name after the model', { model: 'zen-nano:' }, 'model'],
    ['a way up', { header: '../secret' }, 'x-zen-delta'],
    ['129 characters', { message: 'a'.repeat(129) }, 'delta'],
    ['a digest of upper case', { message: DIGEST.toUpperCase() }, 'delta'],
  ])('%s is refused by name', (_, asks, param) => {
    expect(() => read(asks)).toThrow(expect.objectContaining({ failure: 'invalid_request', param }));
  });

  test.each(['Alice', 'a/b', '../bob', 'ü', 'a b', '.', 'x'.repeat(123)])(
    'a user that the rule cannot take is refused: %s',
    (user) => {
      expect(() => read({ user }, 'users/{user}')).toThrow(
        expect.objectContaining({ failure: 'invalid_request', param: 'user' }),
      );
    },
  );
});
