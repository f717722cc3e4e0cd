import { basename } from 'node:path';
import { type CacheUse, useCached } from '@zen/disk';
import { DEFAULT_RETRY, withRetries } from '@zen/http';
import { blobPath, type LadderManifest } from '@zen/ladder';
import {
  artifactFolder,
  type KnownLadder,
  keepLadder,
  lastDigest,
  parseLadderManifest,
  readIfThere,
  rememberDigest,
} from '../cache/artifact-folder';
import { DistributionError } from '../distribution-error';
import { sha256 } from '../sha256';
import { type ArtifactStore, RangesIgnored } from '../store/artifact-store';
import { openStore } from '../store/open-store';
import { parseStoreUri } from '../store/store-uri';
import type { DownloadOptions } from './staged-ladder';

export interface OpenOrigin extends KnownLadder {
  store: ArtifactStore;
  /** The origin did not answer: this is what its address last stood for. */
  remembered: boolean;
  /** Keeps it in the cache; the caller releases it. */
  use: CacheUse;
}

/**
 * Finds out which ladder an address stands for and keeps its manifest and config. An address that names its digest
 * needs no network once they are kept; where any other address does not answer, the ladder that it last stood for
 * is used, so that a node can restart while its registry is away.
 */
export async function openOrigin(uri: string, options: DownloadOptions): Promise<OpenOrigin> {
  const { home, signal } = options;
  const store = openStore(uri, {
    ...(options.settings ? { settings: options.settings } : {}),
    retry: { ...options.retry },
  });
  const place = parseStoreUri(uri);
  const pinned = place.kind === 'folder' ? null : place.digest;
  const kept = pinned === null ? null : await keptManifest(home, pinned);
  if (kept) return { ...(await keep(kept, store, options)), store, remembered: false };
  const retry = { ...DEFAULT_RETRY, ...options.retry };
  let json: Buffer;
  try {
    json = await withRetries(uri, retry, signal, () => store.manifest(signal));
  } catch (error) {
    const known = DistributionError.from(error, signal);
    if (!(known instanceof DistributionError) || known.failure !== 'network') throw known;
    const digest = await lastDigest(home, uri);
    const last = digest === null ? null : await keptManifest(home, digest);
    if (last === null) throw known;
    return { ...(await keep(last, store, options)), store, remembered: true };
  }
  const ladder = await keep(json, store, options);
  if (pinned === null) await rememberDigest(home, uri, ladder.manifest.digest);
  return { ...ladder, store, remembered: false };
}

function keptManifest(home: string, digest: string): Promise<Buffer | null> {
  return readIfThere(blobPath(artifactFolder(home, digest), digest), digest);
}

async function keep(
  json: Buffer,
  store: ArtifactStore,
  options: DownloadOptions,
): Promise<KnownLadder & { use: CacheUse }> {
  const manifest = parseLadderManifest(json, store.uri);
  const use = await useCached(
    options.home,
    'artifacts',
    basename(artifactFolder(options.home, manifest.digest)),
  );
  try {
    const known = await keepLadder(options.home, json, manifest, () => readConfig(manifest, store, options));
    return { ...known, use };
  } catch (error) {
    await use.release();
    throw error;
  }
}

async function readConfig(
  { config }: LadderManifest,
  store: ArtifactStore,
  { retry, signal }: DownloadOptions,
): Promise<Buffer> {
  const data = await withRetries(store.uri, { ...DEFAULT_RETRY, ...retry }, signal, async () => {
    try {
      return await collect(store.read(config.digest, 0, config.bytes, signal));
    } catch (error) {
      if (!(error instanceof RangesIgnored)) throw error;
      return collect(store.whole(config.digest, config.bytes, signal));
    }
  });
  if (`sha256:${sha256(data)}` !== config.digest) {
    throw new DistributionError('corrupt', `${store.uri}: the config does not match its digest`);
  }
  return data;
}

/** The store has bounded the length. */
async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const piece of pieces) parts.push(piece);
  return Buffer.concat(parts);
}
