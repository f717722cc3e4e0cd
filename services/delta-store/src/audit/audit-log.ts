import { createHash } from 'node:crypto';
import type { ObjectStore } from '../storage/object-store';
import type { Registers } from '../storage/registers';
import { tenantId } from '../tenant/tenants';

/** What happened; names and digests, never content. */
export interface AuditEvent {
  by: 'tenant' | 'operator' | 'collector' | 'build';
  what:
    | 'publish'
    | 'delete'
    | 'set-alias'
    | 'delete-alias'
    | 'collect'
    | 'erase'
    | 'start-build'
    | 'cancel-build';
  digest?: string;
  alias?: string;
  generation?: number;
  bytes?: number;
  deltas?: number;
  keyFingerprint?: string;
  build?: string;
}

export interface AuditLine extends AuditEvent {
  at: string;
  tenant: string;
  /** Hash of the line before this one, '' for the first of all. */
  previous: string;
  /** SHA-256 of the line without this field. */
  hash: string;
}

/** The end of one day's log. */
interface Head {
  generation: number;
  hash: string;
}

/** Tenants' days whose ends are remembered. */
const MOST_HEADS = 10_000;

interface Waiting {
  event: AuditEvent;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Who changed what, when: JSON lines for each tenant and day, appended and never changed, each with the hash of the one
 * before, over days, too: a line that is changed, left out or put in shows. What comes while one batch is written goes
 * into the next together. It outlives an erasure, which it proves.
 */
export class AuditLog {
  private readonly waiting = new Map<string, Waiting[]>();
  /** Of logs that this process has written to: where another replica has written meanwhile, the swap says so. */
  private readonly heads = new Map<string, Head>();

  constructor(
    private readonly objects: ObjectStore,
    /** Each batch is a generation. */
    private readonly registers: Registers,
    private readonly nowMs: () => number,
  ) {}

  /** Resolves when the line is there for good. */
  add(tenant: string, event: AuditEvent): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = this.waiting.get(tenant);
      if (waiting) {
        waiting.push({ event, resolve, reject });
        return;
      }
      this.waiting.set(tenant, [{ event, resolve, reject }]);
      void this.write(tenant);
    });
  }

  /** The lines of one day (UTC, `2026-11-26`), in order. */
  async day(tenant: string, day: string): Promise<AuditLine[]> {
    const batches = await this.registers.history(nameOf(tenant, day), Number.POSITIVE_INFINITY, 1e6);
    return batches.reverse().flatMap(({ value }) => parse(value));
  }

  async days(tenant: string): Promise<string[]> {
    const folder = `audit-days/${tenantId(tenant)}/`;
    const names = await this.objects.list(folder, { limit: 1e6 });
    return names.map((name) => name.slice(folder.length));
  }

  private async write(tenant: string): Promise<void> {
    for (;;) {
      const batch = this.waiting.get(tenant) ?? [];
      if (batch.length === 0) {
        this.waiting.delete(tenant);
        return;
      }
      this.waiting.set(tenant, []);
      try {
        await this.append(
          tenant,
          batch.map(({ event }) => event),
        );
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
  }

  private async append(tenant: string, events: readonly AuditEvent[]): Promise<void> {
    for (;;) {
      const at = new Date(this.nowMs()).toISOString();
      const day = at.slice(0, 10);
      const name = nameOf(tenant, day);
      const head = this.heads.get(name) ?? (await this.head(tenant, day));
      let previous = head.hash;
      const lines = events.map((event) => {
        const line = { at, tenant, ...event, previous };
        previous = hashOf(line);
        return `${JSON.stringify({ ...line, hash: previous })}\n`;
      });
      const text = Buffer.from(lines.join(''));
      this.heads.delete(name);
      if (!(await this.registers.swap(name, head.generation, text))) continue;
      if (this.heads.size >= MOST_HEADS) this.heads.clear();
      this.heads.set(name, { generation: head.generation + 1, hash: previous });
      return;
    }
  }

  /** To read it means to list all of a day's batches. */
  private async head(tenant: string, day: string): Promise<Head> {
    const newest = await this.registers.read(nameOf(tenant, day));
    if (!newest) return { generation: 0, hash: await this.lastBefore(tenant, day) };
    return { generation: newest.generation, hash: parse(newest.value).at(-1)!.hash };
  }

  private async lastBefore(tenant: string, day: string): Promise<string> {
    await this.objects.create(`audit-days/${tenantId(tenant)}/${day}`, Buffer.from(day));
    const before = (await this.days(tenant)).filter((other) => other < day).reverse();
    for (const other of before) {
      const head = await this.registers.read(nameOf(tenant, other));
      if (head) return parse(head.value).at(-1)!.hash;
    }
    return '';
  }
}

/** The hash that a line must have. */
export function hashOf(line: Omit<AuditLine, 'hash'>): string {
  return createHash('sha256').update(JSON.stringify(line)).digest('hex');
}

function parse(lines: Buffer): AuditLine[] {
  return lines
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

function nameOf(tenant: string, day: string): string {
  return `audit/${tenantId(tenant)}/${day}`;
}
