import { createHash, randomBytes } from 'node:crypto';
import type { ObjectStore } from '../storage/object-store';
import type { Registers } from '../storage/registers';
import { StoreError } from '../store-error';
import { derive, open, seal, TenantCipher } from './tenant-cipher';

/** Where one tenant's things are, and what opens them. */
export interface TenantSpace {
  tenant: string;
  /** First part of the names of all that it has; another one after it was erased. */
  prefix: string;
  epoch: string;
  cipher: TenantCipher;
}

export interface TenantRoot {
  tenant: string;
  epoch: string;
  /** Of the epoch's key. */
  fingerprint: string;
  /** When it was erased, or null. */
  erasedMs: number | null;
}

/** Keys in memory. */
const KEPT_KEYS = 10_000;

/**
 * The tenants' roots and keys. A tenant's key is random, wrapped by the master key, and an object of its own: once
 * that is gone, nothing that was stored for the tenant can be read by anybody, wherever copies of it are.
 */
export class Tenants {
  private readonly keys = new Map<string, TenantCipher>();
  private readonly master: Buffer;

  constructor(
    private readonly objects: ObjectStore,
    private readonly roots: Registers,
    masterKey: Buffer,
    private readonly nowMs: () => number,
  ) {
    this.master = derive(masterKey, 'master', '');
  }

  /** The tenant's space as it is now; null where it has none. Asked anew for every request: others erase, too. */
  async find(tenant: string): Promise<TenantSpace | null> {
    const root = await this.root(tenant);
    if (!root || root.value.erasedMs !== null) return null;
    const cipher = await this.key(root.value);
    return cipher && this.space(root.value, cipher);
  }

  /** The tenant's space, made where there is none. */
  async findOrMake(tenant: string): Promise<TenantSpace> {
    for (;;) {
      // One look for both: whoever made a root between two of them would be driven out by ours.
      const before = await this.root(tenant);
      if (before && before.value.erasedMs === null) {
        const known = await this.key(before.value);
        if (known) return this.space(before.value, known);
      }
      const epoch = timedName(this.nowMs());
      const key = TenantCipher.newKey();
      const cipher = new TenantCipher(key);
      await this.objects.create(keyName(tenant, epoch), seal(this.master, `${tenant} ${epoch}`, key));
      const root: TenantRoot = { tenant, epoch, fingerprint: cipher.fingerprint, erasedMs: null };
      if (await this.move(tenant, before?.generation ?? 0, root)) {
        this.remember(epoch, cipher);
        return this.space(root, cipher);
      }
      await this.objects.remove(keyName(tenant, epoch));
    }
  }

  /**
   * Marks the tenant's root, so that no request finds it any more, then destroys its key: from then on what is stored of
   * it is noise. Done again where a process died between the two. Null where there never was such a tenant.
   */
  async destroyKey(tenant: string, nowMs: number): Promise<TenantRoot | null> {
    for (;;) {
      const root = await this.root(tenant);
      if (!root) return null;
      const { epoch, erasedMs } = root.value;
      const erased = { ...root.value, erasedMs: erasedMs ?? nowMs };
      if (erasedMs === null && !(await this.move(tenant, root.generation, erased))) continue;
      await this.objects.remove(keyName(tenant, epoch));
      this.keys.delete(epoch);
      return erased;
    }
  }

  /** Every tenant that ever was, by its root. */
  async *all(): AsyncGenerator<TenantRoot> {
    for (let after = ''; ; ) {
      const names = await this.objects.list('tenants/', { after, limit: 100 });
      for (const name of names) {
        const { value } = (await this.roots.read(`roots/${name.slice('tenants/'.length)}`)) ?? {};
        if (value) yield JSON.parse(value.toString('utf8'));
      }
      if (names.length < 100) return;
      after = names.at(-1)!;
    }
  }

  private async root(tenant: string): Promise<{ generation: number; value: TenantRoot } | null> {
    const version = await this.roots.read(`roots/${tenantId(tenant)}`);
    return version && { ...version, value: JSON.parse(version.value.toString('utf8')) as TenantRoot };
  }

  private async move(tenant: string, generation: number, root: TenantRoot): Promise<boolean> {
    const id = tenantId(tenant);
    await this.objects.create(`tenants/${id}`, Buffer.from(id));
    return this.roots.swap(`roots/${id}`, generation, Buffer.from(JSON.stringify(root)));
  }

  private async key({ tenant, epoch, fingerprint }: TenantRoot): Promise<TenantCipher | null> {
    const known = this.keys.get(epoch);
    if (known) return known;
    const wrapped = await this.objects.read(keyName(tenant, epoch));
    // Erased between the two.
    if (!wrapped) return null;
    let key: Buffer;
    try {
      key = open(this.master, `${tenant} ${epoch}`, wrapped);
    } catch (cause) {
      throw new StoreError('corrupt', 'the key of this tenant was wrapped by another master key', { cause });
    }
    const cipher = new TenantCipher(key);
    if (cipher.fingerprint !== fingerprint)
      throw new StoreError('corrupt', 'the key of this tenant is another');
    this.remember(epoch, cipher);
    return cipher;
  }

  private remember(epoch: string, cipher: TenantCipher): void {
    if (this.keys.size >= KEPT_KEYS) this.keys.delete(this.keys.keys().next().value!);
    this.keys.set(epoch, cipher);
  }

  private space({ tenant, epoch }: TenantRoot, cipher: TenantCipher): TenantSpace {
    return { tenant, epoch, prefix: `data/${tenantId(tenant)}/${epoch}`, cipher };
  }
}

/** A new random name with the time in front, by which a collector knows what is old. */
export function timedName(nowMs: number): string {
  return nowMs.toString(16).padStart(12, '0') + randomBytes(10).toString('hex');
}

/** Milliseconds since the epoch when a name was made. */
export function madeMs(name: string): number {
  return Number.parseInt(name.slice(0, 12), 16);
}

/** A tenant in the names of objects: a name such as `..` is no name of a folder. */
export function tenantId(tenant: string): string {
  return createHash('sha256').update(tenant).digest('hex').slice(0, 32);
}

function keyName(tenant: string, epoch: string): string {
  return `keys/${tenantId(tenant)}/${epoch}`;
}
