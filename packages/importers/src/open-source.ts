import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { SourceModel } from '@zen/ladder';
import { sha256File } from './cache/cache-entry';
import { catalogEntry } from './catalog';
import { fetchCached } from './fetch/fetch-cached';
import type { FetchProgress, FetchSettings } from './fetch/fetch-context';
import { DEFAULT_RETRY, type RetryPolicy } from './fetch/retry';
import { openGguf } from './gguf/gguf-model';
import { fileError, SourceError } from './source-error';
import { parseSourceUri, type SourceUri } from './source-uri';

export interface OpenSourceOptions {
  /** Cache folder, see `cacheHome`. */
  home: string;
  progress?: (progress: FetchProgress) => void;
  signal?: AbortSignal;
  /** Hash every cached file again, even where size and time agree with the record. */
  verify?: boolean;
  retry?: Partial<RetryPolicy>;
  settings?: Partial<FetchSettings>;
  /** How long to wait while another process fetches the same source. */
  lockWaitMs?: number;
}

export const DEFAULT_SETTINGS: Readonly<FetchSettings> = {
  huggingFaceEndpoint: 'https://huggingface.co',
  huggingFaceToken: null,
  ociCredentials: {},
  python: 'python3',
  maxFileBytes: 2 ** 40,
};

/**
 * Opens a model by catalog name or address: fetches it into the cache if it is not there, checks it, and
 * returns it with its tensors unread. See `parseSourceUri` for addresses and `CATALOG` for names.
 */
export async function openSource(nameOrUri: string, options: OpenSourceOptions): Promise<SourceModel> {
  const signal = options.signal ?? new AbortController().signal;
  const progress = options.progress ?? (() => {});
  const known = catalogEntry(nameOrUri);
  const text = known ? `${known.uri}#sha256=${known.sha256}` : nameOrUri;
  const uri = parseSourceUri(text);
  const origin = { name: known?.name ?? modelName(uri), uri: text };
  if (uri.scheme === 'file') return openLocal(uri.path, uri.sha256, origin, signal, progress);
  const entry = await fetchCached(uri, text.split('#')[0]!, {
    home: options.home,
    signal,
    progress,
    verify: options.verify ?? false,
    retry: { ...DEFAULT_RETRY, ...options.retry },
    settings: { ...DEFAULT_SETTINGS, ...options.settings },
    lockWaitMs: options.lockWaitMs ?? 3_600_000,
    expectedBytes: known?.bytes ?? null,
  });
  const gguf = entry.files.filter((file) => file.name.endsWith('.gguf'));
  if (gguf.length === 1)
    return openGguf(join(entry.folder, gguf[0]!.name), { ...origin, sha256: gguf[0]!.sha256 });
  throw new SourceError('unsupported', `${text}: ${gguf.length} GGUF files, must be one`);
}

async function openLocal(
  path: string,
  expected: string | null,
  origin: { name: string; uri: string },
  signal: AbortSignal,
  progress: (progress: FetchProgress) => void,
): Promise<SourceModel> {
  const found = await stat(path).catch((error) => {
    throw fileError(error, path);
  });
  progress({ phase: 'verifying', item: basename(path), bytes: 0, totalBytes: found.size });
  const sha256 = await sha256File(path, signal);
  if (expected !== null && sha256 !== expected) {
    throw new SourceError('wrong-hash', `${path}: SHA-256 is ${sha256}, expected ${expected}`);
  }
  return openGguf(path, { ...origin, sha256 });
}

/** A short name for the manifest: the last part of the address without its ending. */
function modelName(uri: SourceUri): string {
  const last = {
    file: () => basename((uri as { path: string }).path),
    http: () => basename(new URL((uri as { url: string }).url).pathname),
    pypi: () => basename((uri as { parts: { path: string }[] }).parts[0]!.path),
    hf: () => (uri as { file: string | null; repo: string }).file ?? (uri as { repo: string }).repo,
    oci: () => (uri as { repository: string }).repository,
  }[uri.scheme]();
  const name = basename(last).replace(/\.(gguf|safetensors|bin)$/, '');
  return (
    name
      .toLowerCase()
      .replace(/[^a-z0-9._-]+/g, '-')
      .slice(0, 100) || 'model'
  );
}
