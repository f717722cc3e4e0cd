import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DEFAULT_RETRY, type RetryPolicy } from '@zen/http';
import type { SourceModel } from '@zen/ladder';
import { Tokenizer, TokenizerError, type TokenizerSpec } from '@zen/tokenizer';
import { sha256File } from './cache/cache-entry';
import { catalogEntry } from './catalog';
import { fetchCached } from './fetch/fetch-cached';
import type { FetchProgress, FetchSettings } from './fetch/fetch-context';
import { chooseFiles } from './fetch/repository-files';
import { openGguf } from './gguf/gguf-model';
import { openSafetensors } from './safetensors/safetensors-model';
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
  if (uri.scheme === 'file') return checked(await openLocal(uri.path, uri.sha256, origin, signal, progress));
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
  return checked(await openFiles(entry.folder, entry.files, origin));
}

/** Builds the tokenizer once, so that one that cannot be followed is refused here and not when serving. */
async function checked(model: SourceModel): Promise<SourceModel> {
  try {
    const { vocabSize } = Tokenizer.from(model.tokenizer as TokenizerSpec);
    if (vocabSize <= model.config.vocabSize) return model;
    throw new SourceError(
      'bad-format',
      `${model.uri}: the tokenizer has ${vocabSize} ids, the embeddings ${model.config.vocabSize} rows`,
    );
  } catch (error) {
    await model.close();
    if (!(error instanceof TokenizerError)) throw error;
    const failure = error.failure === 'unsupported' ? 'unsupported' : 'bad-format';
    throw new SourceError(failure, `${model.uri}: tokenizer: ${error.message}`, { cause: error });
  }
}

/** Opens a file or folder of this machine in place; it is hashed on every opening. */
async function openLocal(
  path: string,
  expected: string | null,
  origin: { name: string; uri: string },
  signal: AbortSignal,
  progress: (progress: FetchProgress) => void,
): Promise<SourceModel> {
  const { folder, names } = await localFiles(path);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
  const files: { name: string; sha256: string }[] = [];
  let bytes = 0;
  for (const [index, name] of names.entries()) {
    progress({ phase: 'verifying', item: name, bytes, totalBytes });
    files.push({ name, sha256: await sha256File(join(folder, name), signal) });
    bytes += sizes[index]!;
  }
  progress({ phase: 'verifying', item: basename(path), bytes, totalBytes });
  if (expected !== null && (files.length !== 1 || files[0]!.sha256 !== expected)) {
    throw new SourceError('wrong-hash', `${path}: SHA-256 is ${files[0]!.sha256}, expected ${expected}`);
  }
  return openFiles(folder, files, origin);
}

async function localFiles(path: string): Promise<{ folder: string; names: string[] }> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    if (!isFolder && !path.endsWith('.safetensors'))
      return { folder: dirname(path), names: [basename(path)] };
    // A safetensors file is nothing without the configuration beside it.
    const folder = isFolder ? path : dirname(path);
    const names = (await readdir(folder))
      .filter((name) => /\.(gguf|safetensors|json|jinja)$/.test(name))
      .sort();
    const offered = names.map((name) => ({ name, bytes: 0, sha256: null }));
    return { folder, names: chooseFiles(offered, null, folder).map((file) => file.name) };
  } catch (error) {
    throw fileError(error, path);
  }
}

/** One GGUF file, or the files of the Hugging Face format. */
async function openFiles(
  folder: string,
  files: readonly { name: string; sha256: string }[],
  origin: { name: string; uri: string },
): Promise<SourceModel> {
  const [first] = files;
  if (files.length === 1 && first)
    return openGguf(join(folder, first.name), { ...origin, sha256: first.sha256 });
  // Many files have one hash: that of their list, in order of name.
  const list = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const lines = list.map((file) => `${file.sha256}  ${file.name}\n`).join('');
  return openSafetensors(folder, { ...origin, sha256: createHash('sha256').update(lines).digest('hex') });
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
