import { ApiError, refusalOf } from './api-error';

const refusal = (code: string, message: string, headers = {}) =>
  refusalOf(new Response(JSON.stringify({ error: { message, code } }), { status: 429, headers }));

test.each([
  ['invalid_api_key', 'the API key is not known', 'needs an API key'],
  ['rate_limit_exceeded', 'rate limit: at most 2 requests a minute', 'at most 2 requests a minute'],
  ['overloaded', 'too many', 'busy'],
  ['unavailable', 'no replica of a model is connected', 'No model can answer now'],
  ['stage_not_attached', 'stage 4', 'has not arrived yet'],
  ['context_length_exceeded', 'at most 8192', 'too long'],
  ['something_new', 'temperature: too high', 'Temperature: too high.'],
])('%s in words', async (code, message, words) => {
  const error = await refusal(code, message);
  expect(error).toMatchObject({ code, message: expect.stringContaining(words), retryAfterS: null });
});

test('says when to come again', async () => {
  expect((await refusal('overloaded', 'x', { 'retry-after': '7' })).retryAfterS).toBe(7);
});

test('an answer that is no JSON still gives an error', async () => {
  const error = await refusalOf(new Response('<html>bad gateway</html>', { status: 502 }));
  expect(error.message).toBe('The server answered 502.');
});

test('anything thrown becomes one', () => {
  expect(ApiError.from(new TypeError('Failed to fetch'))).toMatchObject({ code: 'network' });
});
