import type { Registers } from '../storage/registers';
import { StoreError } from '../store-error';
import type { TenantSpace } from '../tenant/tenants';

export interface QuotaLimits {
  /** Data of all deltas together. */
  bytes: number;
  versions: number;
  publishesPerMinute: number;
}

interface Pending {
  digest: string;
  bytes: number;
}

/** What a tenant has used. `bytes` and `versions` hold what is pending, too. */
export interface LedgerState {
  bytes: number;
  versions: number;
  /** Publishes begun in this minute since the epoch. */
  minute: number;
  begun: number;
  /** By blob: counted, but not known to be whole. */
  pending: Record<string, Pending>;
  /** Digests that are no more counted, but may not be gone: they must not be subtracted twice. */
  leaving: string[];
}

/** The new state, or null where there is nothing to do. */
type Change = (state: LedgerState) => LedgerState | null | Promise<LedgerState | null>;

const EMPTY: LedgerState = { bytes: 0, versions: 0, minute: 0, begun: 0, pending: {}, leaving: [] };

/**
 * Counts what tenants have, over all replicas: one register for each, changed by compare-and-swap before anything is
 * stored. Each change can be repeated without counting twice, so a crash between two steps costs nothing for good.
 */
export class Ledger {
  /** One change of a tenant's ledger at a time in this process: they would only be in each other's way. */
  private readonly queues = new Map<string, Promise<unknown>>();

  constructor(
    private readonly registers: Registers,
    readonly limits: QuotaLimits,
  ) {}

  async read(space: TenantSpace): Promise<LedgerState> {
    return (await this.version(space)).state;
  }

  /** Counts a publish before its data come; throws `quota`. */
  async begin(space: TenantSpace, blob: string, delta: Pending, nowMs: number): Promise<void> {
    const { limits } = this;
    const minute = Math.floor(nowMs / 60_000);
    await this.change(space, (state) => {
      if (state.pending[blob]) return null;
      const begun = state.minute === minute ? state.begun : 0;
      if (begun >= limits.publishesPerMinute) {
        throw over('publishes per minute', limits.publishesPerMinute, begun + 1);
      }
      if (state.versions >= limits.versions) throw over('versions', limits.versions, state.versions + 1);
      if (state.bytes + delta.bytes > limits.bytes)
        throw over('bytes', limits.bytes, state.bytes + delta.bytes);
      return {
        ...state,
        minute,
        begun: begun + 1,
        bytes: state.bytes + delta.bytes,
        versions: state.versions + 1,
        pending: { ...state.pending, [blob]: delta },
      };
    });
  }

  /** The delta is whole. */
  async finish(space: TenantSpace, blob: string): Promise<void> {
    await this.change(space, (state) => {
      if (!state.pending[blob]) return null;
      const { [blob]: _, ...pending } = state.pending;
      return { ...state, pending };
    });
  }

  /** Nothing came of it. */
  async abandon(space: TenantSpace, blob: string): Promise<void> {
    await this.change(space, (state) => {
      const { [blob]: delta, ...pending } = state.pending;
      if (!delta) return null;
      return { ...state, pending, bytes: state.bytes - delta.bytes, versions: state.versions - 1 };
    });
  }

  /**
   * A whole delta goes, for the first of those who say so. `isThere` says whether it has its record, which goes before
   * `left`: looked at after the ledger is read, it tells that somebody else has been through with it.
   */
  async leave(
    space: TenantSpace,
    digest: string,
    bytes: number,
    isThere: () => Promise<boolean>,
  ): Promise<void> {
    await this.change(space, async (state) => {
      if (state.leaving.includes(digest) || !(await isThere())) return null;
      const leaving = [...state.leaving, digest];
      return { ...state, leaving, bytes: state.bytes - bytes, versions: state.versions - 1 };
    });
  }

  /** Its record is gone. */
  async left(space: TenantSpace, digest: string): Promise<void> {
    await this.change(space, (state) => {
      if (!state.leaving.includes(digest)) return null;
      return { ...state, leaving: state.leaving.filter((other) => other !== digest) };
    });
  }

  private async change(space: TenantSpace, next: Change): Promise<void> {
    const name = nameOf(space);
    const before = this.queues.get(name);
    const mine = (before ?? Promise.resolve()).then(() => this.tryChange(space, next));
    const settled = mine.catch(() => {});
    this.queues.set(name, settled);
    void settled.then(() => {
      if (this.queues.get(name) === settled) this.queues.delete(name);
    });
    await mine;
  }

  private async tryChange(space: TenantSpace, next: Change): Promise<void> {
    const name = nameOf(space);
    for (;;) {
      const { generation, state } = await this.version(space);
      const changed = await next(state);
      if (!changed) return;
      const sealed = space.cipher.sealRecord(
        `${name}/${generation + 1}`,
        Buffer.from(JSON.stringify(changed)),
      );
      if (await this.registers.swap(name, generation, sealed)) return;
    }
  }

  private async version(space: TenantSpace): Promise<{ generation: number; state: LedgerState }> {
    const name = nameOf(space);
    const version = await this.registers.read(name);
    if (!version) return { generation: 0, state: EMPTY };
    const { generation, value } = version;
    const plain = space.cipher.openRecord(`${name}/${generation}`, value);
    return { generation, state: JSON.parse(plain.toString('utf8')) };
  }
}

function nameOf({ prefix }: TenantSpace): string {
  return `${prefix}/ledger`;
}

function over(what: string, limit: number, asked: number): StoreError {
  return new StoreError('quota', `quota of ${what}: ${asked}, limit ${limit}`);
}
