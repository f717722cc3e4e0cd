import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskError, replaceFile } from '@zen/disk';
import { type DeltaId, deltaId } from './delta-id';

/**
 * Where a node's deltas lie: FOLDER/<SHA-256 of the tenant>/<hex of the digest>.delta, and in each tenant's folder a
 * file `tenant` with its name, so that whoever comes later knows what it has to ask the store about.
 */
export function deltaPath(folder: string, { tenant, digest }: DeltaId): string {
  return join(tenantFolder(folder, tenant), `${digest.slice('sha256:'.length)}${SUFFIX}`);
}

const SUFFIX = '.delta';
const TENANT_FILE = 'tenant';
/** A writer that was killed leaves its half behind; none writes for this long, milliseconds. */
const STALE_MS = 10 * 60_000;
/** What tokens call a tenant. */
const TENANT = /^[A-Za-z0-9._-]{1,64}$/;

export interface DiskFile {
  id: DeltaId;
  bytes: number;
}

/** Makes a tenant's folder. */
export async function makeTenantFolder(folder: string, tenant: string): Promise<void> {
  const path = tenantFolder(folder, tenant);
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw DiskError.from(error, path);
  }
  await replaceFile(join(path, TENANT_FILE), tenant);
}

/** Every delta that lies there; what processes that were killed left half written is removed. */
export async function listDeltas(folder: string, nowMs: number): Promise<DiskFile[]> {
  const found: DiskFile[] = [];
  for (const name of await names(folder)) {
    const path = join(folder, name);
    const tenant = await readTenant(join(path, TENANT_FILE));
    const files = await names(path);
    // Whoever wrote it was killed before it said whose it is, or somebody else did.
    if (tenant === null || tenantFolder(folder, tenant) !== path) continue;
    for (const file of files) {
      const at = join(path, file);
      const hex = file.slice(0, -SUFFIX.length);
      if (file.endsWith(SUFFIX) && /^[0-9a-f]{64}$/.test(hex)) {
        const bytes = (await sizeAndAge(at))?.bytes;
        if (bytes !== undefined) found.push({ id: deltaId(tenant, `sha256:${hex}`), bytes });
      } else if (file.endsWith('.new')) {
        const modifiedMs = (await sizeAndAge(at))?.modifiedMs;
        if (modifiedMs !== undefined && nowMs - modifiedMs > STALE_MS) await rm(at, { force: true });
      }
    }
  }
  return found;
}

function tenantFolder(folder: string, tenant: string): string {
  return join(folder, createHash('sha256').update(tenant).digest('hex'));
}

async function readTenant(path: string): Promise<string | null> {
  try {
    const text = await readFile(path, 'utf8');
    return TENANT.test(text) ? text : null;
  } catch (error) {
    return absent(error, path);
  }
}

async function names(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR' ? [] : (absent(error, path) ?? []);
  }
}

async function sizeAndAge(path: string): Promise<{ bytes: number; modifiedMs: number } | null> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { bytes: size, modifiedMs: mtimeMs };
  } catch (error) {
    return absent(error, path);
  }
}

/** Other processes remove files while this one looks. */
function absent(error: unknown, path: string): null {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
  throw DiskError.from(error, path);
}
