import { hexOf } from '../deltas/catalog';
import { listAll, type ObjectStore } from '../storage/object-store';
import { StoreError } from '../store-error';
import type { TenantSpace } from '../tenant/tenants';
import { partOf } from './alias-name';

/** A move of an alias takes milliseconds; one this old was interrupted. */
const INTERRUPTED_MS = 10 * 60_000;

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
    const hex = hexOf(digest);
    for (const kind of ['going', 'gone']) {
      if (await this.objects.read(`${space.prefix}/${kind}/${hex}`)) {
        throw new StoreError('revoked', `delta ${digest} was deleted`);
      }
    }
  }

  async markGoing({ prefix }: TenantSpace, digest: string): Promise<void> {
    await this.objects.create(`${prefix}/going/${hexOf(digest)}`, Buffer.from(String(this.nowMs())));
  }

  async unmarkGoing({ prefix }: TenantSpace, digest: string): Promise<void> {
    await this.objects.remove(`${prefix}/going/${hexOf(digest)}`);
  }

  /** Alias that holds the delta, or null; removes references that no longer mean anything. */
  async holder(
    { prefix }: TenantSpace,
    digest: string,
    find: (alias: string) => Promise<{ digest: string; generation: number } | null>,
  ): Promise<string | null> {
    const folder = folderOf(prefix, digest);
    for await (const name of listAll(this.objects, folder)) {
      const part = name.slice(folder.length);
      const dot = part.lastIndexOf('.');
      const alias = part.slice(0, dot).replaceAll('~', '/');
      const generation = Number(part.slice(dot + 1));
      const state = await find(alias);
      if (state?.generation === generation && state.digest === digest) return alias;
      // Not moved yet: somebody is at it, or was.
      if ((state?.generation ?? 0) < generation && !(await this.isOld(name))) return alias;
      await this.objects.remove(name);
    }
    return null;
  }

  private async isOld(name: string): Promise<boolean> {
    const since = await this.objects.read(name);
    return since === null || this.nowMs() - Number(since.toString()) > INTERRUPTED_MS;
  }
}

function folderOf(prefix: string, digest: string): string {
  return `${prefix}/references/${hexOf(digest)}/`;
}
