import type { AuditLog } from '../audit/audit-log';
import type { Catalog, Page } from '../deltas/catalog';
import type { ObjectStore } from '../storage/object-store';
import type { Registers, Version } from '../storage/registers';
import { StoreError } from '../store-error';
import type { TenantSpace } from '../tenant/tenants';
import { checkAlias, partOf } from './alias-name';
import type { References } from './references';

export interface AliasState {
  name: string;
  /** '' where it was deleted. */
  digest: string;
  generation: number;
  changedMs: number;
}

interface Parts {
  objects: ObjectStore;
  registers: Registers;
  catalog: Catalog;
  references: References;
  audit: AuditLog;
  nowMs: () => number;
}

/** Names that point at deltas and move by compare-and-swap; each keeps its history. */
export class Aliases {
  constructor(private readonly parts: Parts) {}

  /** Throws `not-found`, also where it was deleted. */
  async require(space: TenantSpace | null, name: string): Promise<AliasState> {
    checkAlias(name);
    const state = space && (await this.find(space, name));
    if (!state || state.digest === '') throw new StoreError('not-found', `there is no alias ${name}`);
    return state;
  }

  /** The alias as it was made by its generation `generation`. */
  async at(space: TenantSpace, name: string, generation: number): Promise<AliasState | null> {
    const [version] = await this.parts.registers.history(registerOf(space, name), generation + 1, 1);
    return version?.generation === generation ? this.stateOf(space, name, version) : null;
  }

  async find(space: TenantSpace, name: string): Promise<AliasState | null> {
    const register = registerOf(space, name);
    const version = await this.parts.registers.read(register);
    return version && this.stateOf(space, name, version);
  }

  /** Moves it to a delta of the tenant, or makes it; throws `conflict` where it is not at `expected`. */
  async set(owner: TenantSpace | null, name: string, digest: string, expected: number): Promise<AliasState> {
    const { catalog, references, objects } = this.parts;
    // A tenant without anything has no such delta.
    await catalog.require(owner, digest);
    const space = owner!;
    checkAlias(name);
    await objects.create(`${space.prefix}/names/${partOf(name)}`, Buffer.alloc(0));
    // Whoever deletes marks the delta and then looks for references; here it is the other way round, so that one of
    // the two sees the other.
    await references.add(space, digest, name, expected + 1);
    await references.requireStaying(space, digest);
    return this.move(space, { name, digest }, expected);
  }

  /** It resolves no more; its generation goes on rising. */
  async delete(space: TenantSpace | null, name: string, expected: number): Promise<AliasState> {
    await this.require(space, name);
    return this.move(space!, { name, digest: '' }, expected);
  }

  /** The newest first, below generation `below`. */
  async history(
    space: TenantSpace | null,
    name: string,
    below: number,
    limit: number,
  ): Promise<AliasState[]> {
    checkAlias(name);
    const versions = space ? await this.parts.registers.history(registerOf(space, name), below, limit) : [];
    if (versions.length === 0 && below === Number.POSITIVE_INFINITY) {
      throw new StoreError('not-found', `there is no alias ${name}`);
    }
    return versions.map((version) => this.stateOf(space!, name, version));
  }

  /** In the order of their names, slashes last. */
  async list(space: TenantSpace, prefix: string, after: string, limit: number): Promise<Page<AliasState>> {
    if (prefix !== '') checkAlias(prefix);
    if (after !== '') checkAlias(after);
    const folder = `${space.prefix}/names/`;
    const names = await this.parts.objects.list(`${folder}${partOf(prefix)}`, {
      after: after === '' ? '' : `${folder}${partOf(after)}`,
      limit,
    });
    const aliases = names.map((name) => name.slice(folder.length).replaceAll('~', '/'));
    const states = await Promise.all(aliases.map((name) => this.find(space, name)));
    return {
      items: states.filter((state) => state !== null && state.digest !== '') as AliasState[],
      next: aliases.length < limit ? '' : aliases.at(-1)!,
    };
  }

  private async move(
    space: TenantSpace,
    { name, digest }: { name: string; digest: string },
    expected: number,
  ): Promise<AliasState> {
    const { registers, audit, nowMs } = this.parts;
    const register = registerOf(space, name);
    const generation = expected + 1;
    const changedMs = nowMs();
    const value = space.cipher.sealRecord(
      `${register}/${generation}`,
      Buffer.from(JSON.stringify({ digest, changedMs })),
    );
    const now = (await this.find(space, name))?.generation ?? 0;
    // A generation that lies ahead would be free, too.
    if (now !== expected || !(await registers.swap(register, expected, value))) {
      throw new StoreError(
        'conflict',
        `expected_generation: ${expected}, alias ${name} is at ${Math.max(now, await this.generation(space, name))}`,
      );
    }
    const what =
      digest === '' ? ({ what: 'delete-alias' } as const) : ({ what: 'set-alias', digest } as const);
    await audit.add(space.tenant, { by: 'tenant', ...what, alias: name, generation });
    return { name, digest, generation, changedMs };
  }

  private async generation(space: TenantSpace, name: string): Promise<number> {
    return (await this.find(space, name))?.generation ?? 0;
  }

  private stateOf(space: TenantSpace, name: string, { generation, value }: Version): AliasState {
    const place = `${registerOf(space, name)}/${generation}`;
    return { name, generation, ...JSON.parse(space.cipher.openRecord(place, value).toString('utf8')) };
  }
}

function registerOf({ prefix }: TenantSpace, name: string): string {
  return `${prefix}/aliases/${partOf(name)}`;
}
