import type { DeltaStoreProcess } from '@zen/testing';
import { median, quantile, type Row } from '../report';
import { seeded } from '../routing/requests';
import { uniform } from './picks';
import { sideBySide } from './side-by-side';
import { type Population, syntheticDelta, tenantOf } from './synthetic-deltas';

/** Calls at once: enough to keep the store busy on two cores. */
const WIDTH = 8;

/** Publishes all; returns their digests and what it took. */
export async function publishAll(
  store: DeltaStoreProcess,
  population: Population,
  count: number,
): Promise<{ digests: string[]; row: Row }> {
  const digests = new Array<string>(count);
  let bytes = 0;
  let done = 0;
  // Tenants take turns: changes of one tenant wait for each other.
  const turn = (index: number) => index % population.perTenant;
  const order = Array.from({ length: count }, (_, index) => index).sort((a, b) => turn(a) - turn(b) || a - b);
  const { eachMs, allMs } = await sideBySide(count, WIDTH, async (at) => {
    const index = order[at]!;
    const { file, digest } = syntheticDelta(population, index);
    await store.publish(tenantOf(population, index), file);
    digests[index] = digest;
    bytes += file.length;
    if (++done % 10_000 === 0) console.error(`published ${done} of ${count}`);
  });
  return { digests, row: rowOf('publish', bytes, eachMs, allMs) };
}

/** Resolves and fetches, at random over all. */
export async function readSome(
  store: DeltaStoreProcess,
  population: Population,
  digests: readonly string[],
  count: number,
): Promise<Row[]> {
  const pick = uniform(digests.length, seeded(3));
  const resolved = await sideBySide(count, WIDTH, async () => {
    const index = pick();
    await store.client.resolve({ name: digests[index]! }, store.as(tenantOf(population, index), 'read'));
  });
  let bytes = 0;
  const fetched = await sideBySide(count, WIDTH, async () => {
    const index = pick();
    const wanted = { digest: digests[index]! };
    const caller = store.as(tenantOf(population, index), 'read');
    for await (const { chunk } of store.client.fetch(wanted, caller)) bytes += chunk.length;
  });
  return [
    rowOf('resolve', 0, resolved.eachMs, resolved.allMs),
    rowOf('fetch', bytes, fetched.eachMs, fetched.allMs),
  ];
}

function rowOf(call: string, bytes: number, eachMs: number[], allMs: number): Row {
  return {
    store: call,
    calls: eachMs.length,
    'at once': WIDTH,
    'per second': (1000 * eachMs.length) / allMs,
    'MB/s': bytes / 1e3 / allMs,
    'p50 ms': median(eachMs),
    'p99 ms': quantile(eachMs, 0.99),
  };
}
