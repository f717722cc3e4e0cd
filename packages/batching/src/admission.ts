import type { KvMemory } from './kv-memory';
import type { Limits } from './request';
import { ranked, type Sequence } from './sequence';
import type { TenantClock } from './tenant-clock';

export interface Admission {
  live: ReadonlySet<Sequence>;
  limits: Limits;
  clock: TenantClock;
  memory: KvMemory;
  nowUs: number;
  /** Prepares the sequence in the backend; false if that failed and the sequence has ended. */
  enter(sequence: Sequence): boolean;
}

/**
 * Fills the batch. The tenant that is furthest behind is next, and of its requests the one that ranks first. If
 * that one does not fit the KV cache, nobody overtakes it, so that a long prompt is not passed by for ever.
 */
export function admit(admission: Admission): void {
  const { live, limits, nowUs, clock } = admission;
  const running = [...live].filter((one) => one.state === 'running');
  let waiting = ranked(
    [...live].filter((one) => one.state === 'waiting'),
    nowUs,
    limits,
  );
  // What the batch will still compute of a tenant's prompts counts as computed, or the first comes with all it has.
  const promised = new Map<string, number>();
  const promise = ({ request, pending, weight }: Sequence) =>
    promised.set(request.tenant, (promised.get(request.tenant) ?? 0) + pending / weight);
  running.forEach(promise);
  let free = limits.maxRunning - running.length;
  while (free > 0 && waiting.length > 0) {
    const next = nextTenant(waiting, (tenant) => clock.time(tenant) + (promised.get(tenant) ?? 0));
    if (!fits(next, free === limits.maxRunning, admission)) return;
    if (admission.enter(next)) {
      free--;
      promise(next);
    }
    waiting = waiting.filter((one) => one !== next);
  }
}

/** The first of the tenant whose time is least; `sequences` come in order of rank. */
export function nextTenant(sequences: readonly Sequence[], time: (tenant: string) => number): Sequence {
  return sequences.reduce((best, one) => (time(one.request.tenant) < time(best.request.tenant) ? one : best));
}

/**
 * Whether everything that is known of the sequence fits beside what the prompts in progress still need. Takes KV
 * from idle sequences, then from waiting ones that rank below; from all of them if the batch is empty.
 */
function fits(
  sequence: Sequence,
  batchIsEmpty: boolean,
  { live, limits, memory, nowUs }: Admission,
): boolean {
  const reserved = [...live]
    .filter((one) => one.state === 'running' && one.pending > 1)
    .reduce((sum, one) => sum + memory.growth(one, one.pending), 0);
  const need = memory.growth(sequence, sequence.pending) + reserved;
  if (memory.free >= need) return true;
  const holders = ranked(live, nowUs, limits).filter((one) => one !== sequence && one.computed > 0);
  const idle = holders.filter((one) => one.idle);
  const waiting = holders.filter((one) => one.state === 'waiting');
  const below = (one: Sequence) =>
    batchIsEmpty || one.rank(nowUs, limits) < sequence.rank(nowUs, limits) || one.order > sequence.order;
  for (const holder of [...idle.reverse(), ...waiting.filter(below).reverse()]) {
    memory.preempt(holder);
    if (memory.free >= need) return true;
  }
  // Blocks that others share count as taken; alone, a sequence that passed the limits does fit.
  return batchIsEmpty;
}
