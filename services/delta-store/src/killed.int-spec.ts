import { setTimeout as sleep } from 'node:timers/promises';
import { DeltaStoreProcess, deltaStoreMissing } from '@zen/testing';
import { sample } from './service.fixture';

jest.setTimeout(300_000);

const missing = deltaStoreMissing();
if (missing) console.warn(`skipped: ${missing}`);

(missing ? describe.skip : describe)('a delta-store as a process', () => {
  let store: DeltaStoreProcess;
  beforeAll(async () => {
    store = await DeltaStoreProcess.start({ env: { ZEN_DELTA_QUOTA_PUBLISHES: '100000' } });
  });
  afterAll(() => store?.remove());

  async function fetchAll(digest: string, options = store.as('acme', 'read'), offset = 0n) {
    const chunks: Buffer[] = [];
    for await (const { chunk } of store.client.fetch({ digest, offset }, options)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  test('kill -9 during publishes, again and again: a delta is there whole or not at all', async () => {
    // Two segments, so that a kill also falls between them.
    const samples = Array.from({ length: 3 }, (_, seed) => sample(seed + 1, { hidden: 32_768, layers: 66 }));
    const acknowledged = new Set<string>();
    for (let round = 0; round < 6; round++) {
      const publishing = samples.map(({ file, digest }) =>
        store.publish('acme', file).then(
          () => acknowledged.add(digest),
          () => undefined,
        ),
      );
      // Where it falls does not matter, only that it falls somewhere else each time.
      await sleep(60 * round);
      await store.end('SIGKILL');
      await Promise.all(publishing);
      await store.start();
      const { deltas } = await store.client.list({}, { ...store.as('acme', 'read'), timeoutMs: 60_000 });
      const there = new Set(deltas.map(({ digest }) => digest));
      for (const digest of acknowledged) expect(there).toContain(digest);
      for (const digest of there) {
        const { data } = samples.find((each) => each.digest === digest)!;
        expect((await fetchAll(digest)).equals(data)).toBe(true);
      }
    }
    for (const { file, digest, data } of samples) {
      await store.publish('acme', file);
      expect((await fetchAll(digest)).equals(data)).toBe(true);
    }
  });

  test('10: a fetch goes on where a killed one stopped', async () => {
    const { file, digest, data } = sample(9, { hidden: 32_768, layers: 140 });
    await store.publish('acme', file);
    const got: Buffer[] = [];
    let bytes = 0;
    const broken = async () => {
      for await (const { chunk } of store.client.fetch({ digest, offset: 0n }, store.as('acme', 'read'))) {
        got.push(chunk);
        bytes += chunk.length;
        if (bytes > 2 ** 20) await store.end('SIGKILL');
      }
    };
    await expect(broken()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(bytes).toBeLessThan(data.length);
    await store.start();
    got.push(await fetchAll(digest, store.as('acme', 'read'), BigInt(bytes)));
    expect(Buffer.concat(got).equals(data)).toBe(true);
  });

  test('5: every call needs a token that allows it; what is another tenant’s is as if it were not there', async () => {
    const { file, digest } = sample(20);
    await store.publish('acme', file);
    const without = store.client.resolve({ name: digest });
    await expect(without).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    const bad = { metadata: { authorization: 'Bearer x.y.z' } };
    await expect(store.client.resolve({ name: digest }, bad)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    await expect(fetchAll(digest, store.as(null, 'operate'))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    const reader = store.as('acme', 'read');
    const set = store.client.setAlias({ name: 'a', digest }, reader);
    await expect(set).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await expect(store.client.collectGarbage({}, store.as('acme'))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    const other = sample(21).digest;
    const only = store.tokens.mint({ tenant: 'acme', may: 'read', digest }, 60);
    const bound = { metadata: { authorization: `Bearer ${only}` } };
    expect((await store.client.resolve({ name: digest }, bound)).delta?.digest).toBe(digest);
    await expect(store.client.resolve({ name: other }, bound)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    // The same words for a delta that another tenant has and for one that nobody has.
    await store.publish('spy', sample(22).file);
    const errors = await Promise.all(
      [digest, other].map((name) =>
        store.client.resolve({ name }, store.as('spy', 'read')).catch((error) => error),
      ),
    );
    expect(errors.map(({ code }) => code)).toEqual(['NOT_FOUND', 'NOT_FOUND']);
    expect(errors[0].message.replace(digest, '')).toBe(errors[1].message.replace(other, ''));
    expect(errors[0].metadata).toMatchObject({ 'x-zen-failure': 'delta_not_found' });
  });

  test('7: leases, collection and erasure over the wire', async () => {
    const { file, digest, data } = sample(30);
    await store.publish('going', file);
    const held = [{ tenant: 'going', digest }];
    const operator = store.as(null, 'operate');
    expect(await store.client.lease({ holder: 'replica-1', held }, operator)).toEqual({
      revoked: [],
      leaseMs: 60_000,
    });
    const dry = await store.client.collectGarbage({ dryRun: true }, operator);
    expect(dry).toMatchObject({ removed: [], dryRun: true });
    const wrong = store.client.erase({ confirmTenant: 'acme' }, store.as('going'));
    await expect(wrong).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const erased = await store.client.erase({ confirmTenant: 'going' }, store.as('going'));
    expect(erased).toMatchObject({ deltas: 1n, bytes: BigInt(data.length) });
    expect(erased.keyFingerprint).toMatch(/^[0-9a-f]{32}$/);
    expect((await store.client.lease({ holder: 'replica-1', held }, operator)).revoked).toEqual(held);
  });

  test('11: metrics tell what moved, and how calls ended', async () => {
    const text = await (await fetch(`http://${store.probeAddress}/metrics`)).text();
    expect(text).toMatch(/zen_delta_store_bytes_total\{direction="in"\} [1-9]/);
    expect(text).toMatch(/zen_delta_store_verification_failures_total 0/);
    const calls = (method: string, code: string) =>
      new RegExp(
        `zen_delta_store_calls_total\\{method="zen.v1.DeltaStoreService/${method}",code="${code}"\\} [1-9]`,
      );
    expect(text).toMatch(calls('Publish', 'OK'));
    expect(text).toMatch(calls('Resolve', 'NOT_FOUND'));
  });
});
