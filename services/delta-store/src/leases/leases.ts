import { createHash } from 'node:crypto';
import { isDigest } from '@zen/deltas';
import { listAll, type ObjectStore } from '../storage/object-store';
import type { Registers } from '../storage/registers';
import { invalid } from '../store-error';

export interface Held {
  tenant: string;
  digest: string;
}

interface Lease {
  holder: string;
  expiresMs: number;
  held: Held[];
}

const MAX_HELD = 100_000;
/** A holder that has been silent for this long is forgotten, milliseconds. */
const FORGOTTEN_MS = 24 * 3600_000;

/** What replicas say that they hold. Each names all of it at once; its last word counts until it expires. */
export class Leases {
  constructor(
    private readonly objects: ObjectStore,
    /** Old generations mean nothing. */
    private readonly registers: Registers,
    readonly leaseMs: number,
    private readonly nowMs: () => number,
  ) {}

  /** In place of all that the holder named before. */
  async renew(holder: string, held: readonly Held[]): Promise<void> {
    const register = registerOf(holder);
    const lease: Lease = { holder, expiresMs: this.nowMs() + this.leaseMs, held: [...held] };
    const value = Buffer.from(JSON.stringify(lease));
    for (;;) {
      const generation = (await this.registers.read(register))?.generation ?? 0;
      if (await this.registers.swap(register, generation, value)) break;
    }
    await this.objects.create(`holders/${idOf(holder)}`, Buffer.from(holder));
  }

  /** All that anybody holds now, as `tenant digest`. */
  async held(): Promise<ReadonlySet<string>> {
    const all = new Set<string>();
    for await (const name of listAll(this.objects, 'holders/')) {
      const id = name.slice('holders/'.length);
      const version = await this.registers.read(`leases/${id}`);
      if (!version) continue;
      const { expiresMs, held } = JSON.parse(version.value.toString('utf8')) as Lease;
      const age = this.nowMs() - expiresMs;
      if (age <= 0) for (const one of held) all.add(keyOf(one));
      else if (age > FORGOTTEN_MS) {
        await this.objects.remove(name);
        await this.registers.remove(`leases/${id}`);
      }
    }
    return all;
  }
}

export function keyOf({ tenant, digest }: Held): string {
  return `${tenant} ${digest}`;
}

/** Throws `invalid` for what is not a lease. */
export function checkLease(holder: string, held: readonly Held[]): void {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(holder)) {
    throw invalid('holder', 'must be 1 to 64 letters, digits, dots, dashes and underscores');
  }
  if (held.length > MAX_HELD) throw invalid('held', `${held.length} deltas, at most ${MAX_HELD}`);
  held.forEach(({ tenant, digest }, at) => {
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(tenant)) throw invalid(`held[${at}].tenant`, 'is not a tenant');
    if (!isDigest(digest)) throw invalid(`held[${at}].digest`, 'is not a digest');
  });
}

function idOf(holder: string): string {
  return createHash('sha256').update(holder).digest('hex').slice(0, 32);
}

function registerOf(holder: string): string {
  return `leases/${idOf(holder)}`;
}
