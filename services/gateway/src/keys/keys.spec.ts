import { LocalBook } from '@zen/admission';
import { ExpertFloor, Priority } from '@zen/contracts';
import { digestOf, KeyFileError, MIN_KEY_LENGTH, newKey, parseKeys } from './key-entry';
import { KeyRing } from './key-ring';
import { Limiter } from './limiter';
import { ANONYMOUS, allowedPriority } from './tenant';

const HASH = `sha256:${'ab'.repeat(32)}`;

describe('key files', () => {
  test('a line with everything, comments and blank lines', () => {
    const text = `# keys\n\n${HASH} tenant=a-1 rpm=60 tpm=1000 streams=4 weight=3 min-stage=2 ttft-ms=500 tpot-ms=50 priority=batch expert-floor=without deltas=publish user-delta=users/{user} artifact-rpm=30 artifact-bpm=100000000 # ours\n`;
    expect(parseKeys(text, 'keys')).toEqual([
      {
        digest: Buffer.from('ab'.repeat(32), 'hex'),
        tenant: {
          name: 'a-1',
          keyId: 'ab'.repeat(32),
          requestsPerMinute: 60,
          tokensPerMinute: 1000,
          streams: 4,
          artifactRequestsPerMinute: 30,
          artifactBytesPerMinute: 1e8,
          weight: 3,
          minStage: 2,
          objective: { ttftMs: 500, tpotMs: 50 },
          expertFloor: ExpertFloor.EXPERT_FLOOR_WITHOUT,
          priority: Priority.PRIORITY_BATCH,
          deltas: 'publish',
          userDelta: 'users/{user}',
        },
      },
    ]);
  });

  test.each([
    ['a key in the clear', 'zen_secret tenant=a', 'sha256:'],
    ['a short hash', 'sha256:abcd tenant=a', 'sha256:'],
    ['no tenant', HASH, 'tenant'],
    ['a bad tenant', `${HASH} tenant=a/b`, 'tenant'],
    ['an unknown field', `${HASH} tenant=a color=red`, '"color"'],
    ['a word', `${HASH} tenant=a fast`, '"fast"'],
    ['a field twice', `${HASH} tenant=a rpm=1 rpm=2`, 'rpm'],
    ['a negative limit', `${HASH} tenant=a rpm=-1`, 'rpm'],
    ['no weight at all', `${HASH} tenant=a weight=0`, 'weight'],
    ['a stage out of range', `${HASH} tenant=a min-stage=5`, 'min-stage'],
    ['an unknown priority', `${HASH} tenant=a priority=top`, 'priority'],
    ['an unknown floor', `${HASH} tenant=a expert-floor=constructor`, 'expert-floor'],
    ['an unknown right', `${HASH} tenant=a deltas=all`, 'deltas'],
    ['a rule without a user', `${HASH} tenant=a user-delta=users/all`, 'user-delta'],
    ['a rule with two users', `${HASH} tenant=a user-delta={user}/{user}`, 'user-delta'],
    ['a rule that gives no alias', `${HASH} tenant=a user-delta=Users/{user}`, 'user-delta'],
    ['a rule without the right to use it', `${HASH} tenant=a deltas=none user-delta={user}`, 'user-delta'],
    ['a field that objects have', `${HASH} tenant=a constructor=1`, '"constructor"'],
  ])('%s is refused, with the line', (_, line, what) => {
    expect(() => parseKeys(`\n${line}`, 'keys')).toThrow(KeyFileError);
    expect(() => parseKeys(`\n${line}`, 'keys')).toThrow(/^keys:2: /);
    expect(() => parseKeys(line, 'keys')).toThrow(what);
    expect(() => parseKeys(line, 'keys')).not.toThrow('zen_secret');
  });

  test('a key may use deltas unless it says otherwise', () => {
    expect(parseKeys(`${HASH} tenant=a`, 'keys')[0]?.tenant).toMatchObject({
      deltas: 'use',
      userDelta: null,
      expertFloor: ExpertFloor.EXPERT_FLOOR_UNSPECIFIED,
    });
  });

  test('a new key is long enough and known by its hash alone', () => {
    const key = newKey();
    expect(key.length).toBeGreaterThan(MIN_KEY_LENGTH);
    const ring = new KeyRing(parseKeys(`sha256:${digestOf(key).toString('hex')} tenant=a`, 'keys'), true);
    expect(ring.authenticate(`Bearer ${key}`).name).toBe('a');
    expect(ring.authenticate(`bearer ${key}`).name).toBe('a');
    for (const wrong of [undefined, '', key, `Basic ${key}`, `Bearer ${key}x`, 'Bearer ']) {
      expect(() => ring.authenticate(wrong)).toThrow(/API key|Bearer KEY/);
    }
  });
});

test('a priority is at most the key’s own', () => {
  const batch = { ...ANONYMOUS, priority: Priority.PRIORITY_BATCH };
  expect(allowedPriority(Priority.PRIORITY_INTERACTIVE, batch)).toBe(Priority.PRIORITY_BATCH);
  expect(allowedPriority(Priority.PRIORITY_UNSPECIFIED, batch)).toBe(Priority.PRIORITY_BATCH);
  expect(allowedPriority(Priority.PRIORITY_UNSPECIFIED, ANONYMOUS)).toBe(Priority.PRIORITY_NORMAL);
  expect(allowedPriority(Priority.PRIORITY_INTERACTIVE, ANONYMOUS)).toBe(Priority.PRIORITY_INTERACTIVE);
});

describe('Limiter', () => {
  let nowMs = 0;
  const limits = { ...ANONYMOUS, keyId: 'k', requestsPerMinute: 6, tokensPerMinute: 100, streams: 2 };
  const caught = async (run: () => unknown) => {
    try {
      await run();
    } catch (error) {
      return error;
    }
    return undefined;
  };

  test('counts bytes of artifacts apart from answers, and what was sent of them', async () => {
    const limiter = new Limiter(new LocalBook(() => nowMs));
    const own = { ...limits, keyId: 'own', artifactRequestsPerMinute: 6, artifactBytesPerMinute: 1000 };
    const cut = await limiter.admitArtifact(own, 900);
    cut.end(300);
    cut.end(0);
    // More than a minute's bytes: not before all of them are there.
    expect(await caught(() => limiter.admitArtifact(own, 5000))).toMatchObject({
      failure: 'rate_limit_exceeded',
      message: 'rate limit: at most 1000 bytes of artifacts a minute',
      retryAfterS: 18,
    });
    await limiter.admitArtifact(own, 700);
    expect((await limiter.admit(own, 10)).headers['x-ratelimit-remaining-requests']).toBe('5');
    for (let more = 0; more < 4; more++) await limiter.admitArtifact(own, 0);
    expect(await caught(() => limiter.admitArtifact(own, 0))).toMatchObject({
      message: 'rate limit: at most 6 requests of artifacts a minute',
    });
    await limiter.admitArtifact(ANONYMOUS, 1e12);
  });

  test('counts what an answer really cost, once', async () => {
    const limiter = new Limiter(new LocalBook(() => nowMs));
    const first = await limiter.admit(limits, 10);
    expect(first.headers['x-ratelimit-remaining-tokens']).toBe('90');
    first.end(80);
    first.end(80);
    expect((await limiter.admit(limits, 10)).headers['x-ratelimit-remaining-tokens']).toBe('10');
    expect(await caught(() => limiter.admit(limits, 20))).toMatchObject({
      failure: 'rate_limit_exceeded',
      // 10 tokens are missing of 100 a minute.
      retryAfterS: 6,
      message: expect.stringContaining('100 tokens'),
    });
  });

  test('streams at once, given back at the end', async () => {
    const limiter = new Limiter(new LocalBook(() => nowMs));
    const first = await limiter.admit(limits, 1);
    await limiter.admit(limits, 1);
    expect(await caught(() => limiter.admit(limits, 1))).toMatchObject({
      message: expect.stringContaining('at once'),
    });
    first.end(1);
    expect(await caught(() => limiter.admit(limits, 1))).toBeUndefined();
  });

  test('requests a minute, until time has passed; others are not touched', async () => {
    nowMs = 0;
    const limiter = new Limiter(new LocalBook(() => nowMs));
    for (let i = 0; i < 6; i++) (await limiter.admit(limits, 1)).end(1);
    expect(await caught(() => limiter.admit(limits, 1))).toMatchObject({ retryAfterS: 10 });
    expect(await caught(() => limiter.admit({ ...limits, keyId: 'other' }, 1))).toBeUndefined();
    nowMs = 10_000;
    expect(await caught(() => limiter.admit(limits, 1))).toBeUndefined();
  });
});
