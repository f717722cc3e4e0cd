import { HttpError } from './http-error';
import { RetryableError, type RetryPolicy, retryAfterMs, withRetries } from './retry';

const POLICY: RetryPolicy = { attempts: 3, baseDelayMs: 1, maxDelayMs: 8, idleMs: 1_000 };
const signal = () => new AbortController().signal;

describe('withRetries', () => {
  it('gives up after so many failures in a row, and says why', async () => {
    let tries = 0;
    const attempt = withRetries('x', POLICY, signal(), async () => {
      tries += 1;
      throw new RetryableError('status 503', null);
    });
    await expect(attempt).rejects.toThrow('x: status 503 (3 tries)');
    expect(tries).toBe(3);
  });

  it('counts anew after progress', async () => {
    let tries = 0;
    const result = await withRetries('x', POLICY, signal(), async (progressed) => {
      tries += 1;
      progressed();
      if (tries < 10) throw new RetryableError('dropped', null);
      return 'done';
    });
    expect(result).toBe('done');
  });

  it('does not try again what cannot get better', async () => {
    let tries = 0;
    const attempt = withRetries('x', POLICY, signal(), async () => {
      tries += 1;
      throw new HttpError('not-found', 'gone');
    });
    await expect(attempt).rejects.toThrow('gone');
    expect(tries).toBe(1);
  });

  it('stops waiting when it is cancelled', async () => {
    const cancel = new AbortController();
    const policy = { ...POLICY, baseDelayMs: 60_000, maxDelayMs: 60_000 };
    const attempt = withRetries('x', policy, cancel.signal, async () => {
      setImmediate(() => cancel.abort());
      throw new RetryableError('later', null);
    });
    await expect(attempt).rejects.toMatchObject({ failure: 'cancelled' });
  });
});

describe('retryAfterMs', () => {
  const now = Date.parse('Wed, 25 Nov 2026 06:00:00 GMT');
  it.each([
    [null, null],
    ['7', 7_000],
    ['Wed, 25 Nov 2026 06:00:30 GMT', 30_000],
    ['Wed, 25 Nov 2026 05:00:00 GMT', 0],
    ['soon', null],
    ['-1', null],
  ])('of %p is %p', (header, expected) => {
    expect(retryAfterMs(header, now)).toBe(expected);
  });
});
