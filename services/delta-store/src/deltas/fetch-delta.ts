import type { FetchResponse } from '@zen/contracts';
import { invalid, StoreError } from '../store-error';
import type { TenantSpace } from '../tenant/tenants';
import type { Blobs } from './blobs';
import type { Catalog } from './catalog';
import { SEGMENT_BYTES } from './delta-record';

const CHUNK_BYTES = 2 ** 20;

/**
 * Manifest, then data from `offset` on. Each segment is verified before a byte of it goes out, and read when the one
 * before has been taken.
 */
export async function* fetchDelta(
  { catalog, blobs }: { catalog: Catalog; blobs: Blobs },
  /** The tenant's space as it is when it is called. */
  find: () => Promise<TenantSpace | null>,
  { digest, offset }: { digest: string; offset: bigint },
): AsyncGenerator<FetchResponse> {
  const space = await find();
  const { manifest, bytes, blob } = await catalog.require(space, digest);
  if (offset > BigInt(bytes)) throw invalid('offset', `${offset}, the data have ${bytes} bytes`);
  yield { manifest: Buffer.from(manifest), chunk: Buffer.alloc(0) };
  for (let at = Number(offset); at < bytes; ) {
    const index = Math.floor(at / SEGMENT_BYTES);
    const segment = await blobs.read(space!, blob, index);
    const length = Math.min(SEGMENT_BYTES, bytes - index * SEGMENT_BYTES);
    if (segment?.length !== length) {
      // It may have been deleted or erased meanwhile, which is no fault of the storage.
      await catalog.require(await find(), digest);
      throw new StoreError('corrupt', `delta ${digest}: segment ${index} is missing or cut`);
    }
    for (let from = at % SEGMENT_BYTES; from < length; from += CHUNK_BYTES) {
      const chunk = segment.subarray(from, Math.min(length, from + CHUNK_BYTES));
      yield { manifest: Buffer.alloc(0), chunk };
      at += chunk.length;
    }
  }
}
