import { writeDelta } from '@zen/deltas';
import { DeltaStoreProcess, deltaStoreMissing } from '@zen/testing';
import { sampleDelta } from './sample-delta.fixture';

jest.setTimeout(60_000);

const missing = deltaStoreMissing();
if (missing) console.warn(`skipped: ${missing}`);

(missing ? describe.skip : describe)('a delta-store', () => {
  let store: DeltaStoreProcess;
  beforeAll(async () => {
    store = await DeltaStoreProcess.start();
  });
  afterAll(() => store.remove());

  async function fetchAll(tenant: string, digest: string, offset = 0) {
    const manifests: Buffer[] = [];
    const chunks: Buffer[] = [];
    for await (const { manifest, chunk } of store.client.fetch(
      { digest, offset: BigInt(offset) },
      store.as(tenant, 'read'),
    )) {
      if (manifest.length > 0) manifests.push(manifest);
      chunks.push(chunk);
    }
    return { manifests, data: Buffer.concat(chunks) };
  }

  test('gives back what it took, from any offset, to its tenant alone', async () => {
    const { file, digest, dataOffset, manifestBytes } = writeDelta(sampleDelta({ seed: 1 }));
    const delta = await store.publish('acme', file);
    expect(delta.digest).toBe(digest);
    const { manifests, data } = await fetchAll('acme', digest);
    expect(manifests).toEqual([Buffer.from(manifestBytes)]);
    expect(data.equals(file.subarray(dataOffset))).toBe(true);
    expect((await fetchAll('acme', digest, 5)).data.equals(file.subarray(dataOffset + 5))).toBe(true);
    await expect(fetchAll('other', digest)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('an alias moves by compare-and-swap', async () => {
    const digests = await Promise.all(
      [2, 3].map(
        async (seed) => (await store.publish('acme', writeDelta(sampleDelta({ seed })).file)).digest,
      ),
    );
    const set = (digest: string, expectedGeneration: bigint) =>
      store.client.setAlias({ name: 'user/prod', digest, expectedGeneration }, store.as('acme'));
    expect(await set(digests[0]!, 0n)).toMatchObject({ digest: digests[0], generation: 1n });
    await expect(set(digests[1]!, 0n)).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await set(digests[1]!, 1n)).toMatchObject({ digest: digests[1], generation: 2n });
    const resolved = await store.client.resolve({ name: 'user/prod' }, store.as('acme', 'read'));
    expect(resolved).toMatchObject({ delta: { digest: digests[1] }, generation: 2n });
    const { generations } = await store.client.aliasHistory({ name: 'user/prod' }, store.as('acme', 'read'));
    expect(generations.map(({ digest }) => digest)).toEqual([digests[1], digests[0]]);
  });
});
