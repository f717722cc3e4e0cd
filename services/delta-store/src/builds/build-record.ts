import { createHash } from 'node:crypto';
import { type Build, type BuildSpec, BuildState } from '@zen/contracts';
import { RECIPES, type Recipe } from '@zen/deltas';
import type { Registers } from '../storage/registers';
import { invalid, StoreError } from '../store-error';
import type { TenantSpace } from '../tenant/tenants';

export type BuildPhase = 'waiting' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export interface CheckedSpec {
  base: string;
  recipe: Recipe;
  /** Null: the recipe's own. */
  rank: number | null;
  adapterConfig: string | null;
  alias: string | null;
}

export interface BuildRecord {
  id: string;
  spec: CheckedSpec;
  /** Where the uploaded file is. */
  blob: string;
  bytes: number;
  phase: BuildPhase;
  progress: number;
  detail: string;
  digest: string | null;
  attempts: number;
}

const MAX_CONFIG = 64 * 1024;

export function checkSpec(spec: BuildSpec | undefined, bases: ReadonlyMap<string, string>): CheckedSpec {
  if (!spec) throw invalid('spec', 'must come first');
  const { base, recipe, rank, adapterConfig, alias } = spec;
  if (!bases.has(base)) {
    throw invalid('spec.base', `unknown; this store knows ${[...bases.keys()].join(', ') || 'none'}`);
  }
  if (!(RECIPES as readonly string[]).includes(recipe)) {
    throw invalid('spec.recipe', `must be one of ${RECIPES.join(', ')}`);
  }
  if (rank > 64) throw invalid('spec.rank', `${rank}, must be 1 to 64, or 0 for the recipe's own`);
  if (Buffer.byteLength(adapterConfig) > MAX_CONFIG) {
    throw invalid('spec.adapter_config', `more than ${MAX_CONFIG} bytes`);
  }
  return {
    base,
    recipe: recipe as Recipe,
    rank: rank === 0 ? null : rank,
    adapterConfig: adapterConfig === '' ? null : adapterConfig,
    alias: alias === '' ? null : alias,
  };
}

/** The same input has the same id. */
export function buildId(spec: CheckedSpec, fileSha256: string): string {
  const input = JSON.stringify([
    spec.base,
    spec.recipe,
    spec.rank,
    spec.adapterConfig,
    spec.alias,
    fileSha256,
  ]);
  return createHash('sha256').update(input).digest('hex').slice(0, 32);
}

const STATES: Record<BuildPhase, BuildState> = {
  waiting: BuildState.BUILD_STATE_WAITING,
  running: BuildState.BUILD_STATE_RUNNING,
  succeeded: BuildState.BUILD_STATE_SUCCEEDED,
  failed: BuildState.BUILD_STATE_FAILED,
  cancelled: BuildState.BUILD_STATE_CANCELLED,
};

export function toBuild(
  { id, phase, progress, detail, attempts }: BuildRecord,
  delta: Build['delta'],
): Build {
  return { id, state: STATES[phase], progress, detail, delta, attempts };
}

export function hasEnded({ phase }: BuildRecord): boolean {
  return phase === 'succeeded' || phase === 'failed' || phase === 'cancelled';
}

/** Builds of tenants and what state they are in, over all replicas. */
export class BuildRecords {
  constructor(private readonly registers: Registers) {}

  async find(space: TenantSpace, id: string): Promise<BuildRecord | null> {
    return (await this.version(space, id)).record;
  }

  async require(space: TenantSpace | null, id: string): Promise<BuildRecord> {
    if (!/^[0-9a-f]{32}$/.test(id)) throw invalid('id', 'must be 32 lower-case hex digits');
    const record = space && (await this.find(space, id));
    if (!record) throw new StoreError('not-found', `there is no build ${id}`);
    return record;
  }

  /** `next` gives the new record, or null to leave it; the record as it is then. */
  async change(
    space: TenantSpace,
    id: string,
    next: (record: BuildRecord | null) => BuildRecord | null,
  ): Promise<BuildRecord | null> {
    const name = nameOf(space, id);
    for (;;) {
      const { generation, record } = await this.version(space, id);
      const changed = next(record);
      if (!changed) return record;
      const sealed = space.cipher.sealRecord(
        `${name}/${generation + 1}`,
        Buffer.from(JSON.stringify(changed)),
      );
      if (await this.registers.swap(name, generation, sealed)) return changed;
    }
  }

  private async version(space: TenantSpace, id: string) {
    const name = nameOf(space, id);
    const version = await this.registers.read(name);
    if (!version) return { generation: 0, record: null };
    const { generation, value } = version;
    const plain = space.cipher.openRecord(`${name}/${generation}`, value);
    return { generation, record: JSON.parse(plain.toString('utf8')) as BuildRecord };
  }
}

function nameOf({ prefix }: TenantSpace, id: string): string {
  return `${prefix}/builds/${id}`;
}
