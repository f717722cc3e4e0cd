import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskError, replaceFile } from '@zen/disk';
import {
  ARTIFACT_TYPE,
  blobPath,
  type LadderConfig,
  type LadderManifest,
  parseConfigOf,
  parseManifest,
} from '@zen/ladder';
import { DistributionError } from '../distribution-error';
import { sha256 } from '../sha256';
import { indexJson, LAYOUT_JSON } from '../store/layout-json';

/** A ladder of which manifest and config are known. */
export interface KnownLadder {
  folder: string;
  manifest: LadderManifest;
  config: LadderConfig;
  configJson: string;
}

/** Where a ladder is kept below the cache folder: by its content. */
export function artifactFolder(home: string, digest: string): string {
  return join(home, 'artifacts', digest.slice('sha256:'.length));
}

/** Checks a manifest that came from outside, and says so where it is something else than a ladder's. */
export function parseLadderManifest(json: Buffer, where: string): LadderManifest {
  let type: unknown;
  try {
    type = (JSON.parse(json.toString('utf8')) as { artifactType?: unknown } | null)?.artifactType;
  } catch (cause) {
    throw new DistributionError('invalid', `${where}: the manifest is not JSON`, { cause });
  }
  if (type !== ARTIFACT_TYPE) throw new DistributionError('not-a-ladder', `${where} is not a ladder`);
  return parseManifest(json);
}

/**
 * Writes manifest, config and index of a ladder into its folder, each by rename, so that several processes may do
 * it at once and the folder is a valid OCI layout as soon as its index stands.
 */
export async function keepLadder(
  home: string,
  manifestJson: Buffer,
  manifest: LadderManifest,
  readConfig: () => Promise<Buffer>,
): Promise<KnownLadder> {
  const folder = artifactFolder(home, manifest.digest);
  try {
    await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true });
    await mkdir(join(folder, 'partial'), { recursive: true });
  } catch (error) {
    throw DiskError.from(error, folder);
  }
  const configPath = blobPath(folder, manifest.config.digest);
  const kept = await readIfThere(configPath, manifest.config.digest);
  const configBytes = kept ?? (await readConfig());
  const configJson = configBytes.toString('utf8');
  // Checked before it is kept: a ladder that is refused leaves no layout behind.
  const config = parseConfigOf(manifest, configJson);
  if (kept === null) await replaceFile(configPath, configBytes);
  await replaceFile(blobPath(folder, manifest.digest), manifestJson);
  await replaceFile(join(folder, 'oci-layout'), LAYOUT_JSON);
  await replaceFile(join(folder, 'index.json'), indexJson(manifest.digest, manifestJson.byteLength));
  return { folder, manifest, config, configJson };
}

/** A small blob of the cache that matches its digest, or null. */
export async function readIfThere(path: string, digest: string): Promise<Buffer | null> {
  try {
    const data = await readFile(path);
    return `sha256:${sha256(data)}` === digest ? data : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw DiskError.from(error, path);
  }
}

/** The digest that an address last stood for, or null. */
export async function lastDigest(home: string, uri: string): Promise<string | null> {
  const path = referencePath(home, uri);
  try {
    const digest = (await readFile(path, 'utf8')).trim();
    return /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw DiskError.from(error, path);
  }
}

export async function rememberDigest(home: string, uri: string, digest: string): Promise<void> {
  const path = referencePath(home, uri);
  try {
    await mkdir(join(home, 'artifacts', 'refs'), { recursive: true });
  } catch (error) {
    throw DiskError.from(error, path);
  }
  await replaceFile(path, `${digest}\n`);
}

function referencePath(home: string, uri: string): string {
  return join(home, 'artifacts', 'refs', sha256(uri));
}

/** Whether a path leads to a folder. */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw DiskError.from(error, path);
  }
}
