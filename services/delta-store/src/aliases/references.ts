import { hexOf } from '../deltas/catalog';
import { listAll, type ObjectStore } from '../storage/object-store';
import { StoreError } from '../store-error';
import type { TenantSpace } from '../tenant/tenants';
import { partOf } from './alias-name';

/** A move of an alias takes milliseconds; one this old was interrupted. */
const INTERRUPTED_MS = 10 * 60_000;

export interface AliasLookup {
  now(alias: string): Promise<{ generation: number } | null>;
  at(alias: string, generation: number): Promise<{ digest: string; changedMs: number } | null>;
}

/**
 * Which aliases point, or are about to point, at a delta: what keeps it from being deleted without a look at all
 * aliases. Who wants to point writes its reference first and then looks for the mark of who wants to delete, who
 * writes that first and then looks for references.
 */
export class References {
  constructor(
    private readonly objects: ObjectStore,
    private readonly nowMs: () => number,
  ) {}

  async add({ prefix }: TenantSpace, digest: string, alias: string, generation: number): Promise<void> {
    const name = `${folderOf(prefix, digest)}${partOf(alias)}.${generation}`;
    await this.objects.create(name, Buffer.from(String(this.nowMs())));
  }

  /** Throws where the delta is being deleted, or is. */
  async requireStaying(space: TenantSpace, digest: string): Promise<void> {
    if (await this.isLeaving(space, digest)) throw new StoreError('revoked', `delta ${digest} was deleted`);
  }

  async isLeaving({ prefix }: TenantSpace, digest: string): Promise<boolean> {
    const hex = hexOf(digest);
    for (const kind of ['going', 'gone']) {
      if (await this.objects.read(`${prefix}/${kind}/${hex}`)) return true;
    }
    return false;
  }

  async markGoing({ prefix }: TenantSpace, digest: string): Promise<void> {
    await this.objects.create(`${prefix}/going/${hexOf(digest)}`, Buffer.from(String(this.nowMs())));
  }

  async unmarkGoing({ prefix }: TenantSpace, digest: string): Promise<void> {
    await this.objects.remove(`${prefix}/going/${hexOf(digest)}`);
  }

  /** Alias that points at the delta, or has within the last `graceMs`; removes references that mean nothing more. */
  async holder(
    { prefix }: TenantSpace,
    digest: string,
    graceMs: number,
    aliases: AliasLookup,
  ): Promise<string | null> {
    const folder = folderOf(prefix, digest);
    for await (const name of listAll(this.objects, folder)) {
      const part = name.slice(folder.length);
      const dot = part.lastIndexOf('.');
      const alias = part.slice(0, dot).replaceAll('~', '/');
      const generation = Number(part.slice(dot + 1));
      const now = (await aliases.now(alias))?.generation ?? 0;
      if (now < generation) {
        // Not moved yet: somebody is at it, or was.
        if (!(await this.isOld(name, INTERRUPTED_MS))) return alias;
      } else if ((await aliases.at(alias, generation))?.digest === digest) {
        const next = now === generation ? null : await aliases.at(alias, generation + 1);
        if (next === null) return alias;
        // Whoever moved an alias may want to move it back.
        if (this.nowMs() - next.changedMs < graceMs) return alias;
        // It may be within another question's grace.
        if (graceMs === 0) continue;
      }
      await this.objects.remove(name);
    }
    return null;
  }

  async removeAll({ prefix }: TenantSpace, digest: string): Promise<void> {
    for await (const name of listAll(this.objects, folderOf(prefix, digest))) await this.objects.remove(name);
  }

  /** Marks of deletions that were interrupted. */
  async forgetInterrupted({ prefix }: TenantSpace): Promise<void> {
    for await (const name of listAll(this.objects, `${prefix}/going/`)) {
      if (await this.isOld(name, INTERRUPTED_MS)) await this.objects.remove(name);
    }
  }

  private async isOld(name: string, ageMs: number): Promise<boolean> {
    const since = await this.objects.read(name);
    return since === null || this.nowMs() - Number(since.toString()) > ageMs;
  }
}

function folderOf(prefix: string, digest: string): string {
  return `${prefix}/references/${hexOf(digest)}/`;
}
