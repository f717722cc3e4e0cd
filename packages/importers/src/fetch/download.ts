import { createHash, type Hash } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { httpRequest, RetryableError, readBody, withRetries } from '@zen/http';
import { type CachedFile, describeFile } from '../cache/cache-entry';
import { PartialFile } from '../cache/partial-file';
import { SourceError } from '../source-error';
import type { FetchContext } from './fetch-context';

/** Credentials of a request, which may have to be renewed while a long download goes on. */
export interface Authorization {
  /** Value of the Authorization header, or null. */
  header(): string | null;
  /** Prepares new credentials after a 401; the request is then tried again. Without it, 401 is an error. */
  answer?(challenge: string | null, signal: AbortSignal): Promise<void>;
  /** The credentials were good. */
  accepted?(): void;
}

export interface DownloadRequest {
  url: string;
  /** Name below the context's folder; checked by the caller. */
  name: string;
  /** Known beforehand, or null. */
  sha256: string | null;
  bytes: number | null;
  headers?: Readonly<Record<string, string>>;
  authorization?: Authorization;
  /** Bytes of the same source that are done, and its total, for the progress. */
  doneBefore?: number;
  totalBytes?: number | null;
}

/**
 * Fetches one file with resume: a later call, also of another process after `kill -9`, goes on after the
 * last synced byte, provided the server still has the same content (validator) or the hash is known.
 */
export async function download(request: DownloadRequest, context: FetchContext): Promise<CachedFile> {
  const path = join(context.folder, request.name);
  const file = await PartialFile.open(path, `${request.url} ${request.sha256 ?? ''}`);
  try {
    const resumed = file.bytes > 0;
    let actual = await fetchAll(file, request, context);
    if (resumed && request.sha256 !== null && actual !== request.sha256) {
      // The server's content may have changed between the tries: once more, from nothing.
      await file.truncate(0);
      actual = await fetchAll(file, request, context);
    }
    if (request.sha256 !== null && actual !== request.sha256) {
      await file.discard();
      throw new SourceError('wrong-hash', `${request.url}: SHA-256 is ${actual}, expected ${request.sha256}`);
    }
    await file.finish();
    return await describeFile(context.folder, request.name, actual);
  } catch (error) {
    await file.close();
    throw SourceError.from(error);
  }
}

/** Brings the file to its whole length and returns its SHA-256. */
async function fetchAll(file: PartialFile, request: DownloadRequest, context: FetchContext): Promise<string> {
  let hash = await hashOf(file);
  let furthest = file.bytes;
  const restart = async () => {
    await file.truncate(0);
    hash = createHash('sha256');
  };
  // Without a validator only the hash can tell whether old and new bytes belong together.
  if (file.bytes > 0 && typeof file.notes.validator !== 'string' && request.sha256 === null) await restart();
  await withRetries(request.url, context.retry, context.signal, async (progressed) => {
    if (file.bytes > 0 && file.notes.length === file.bytes) return;
    await fetchRest(file, request, context, restart, (chunk) => {
      hash.update(chunk);
      // Only new ground counts, else a server that always breaks off at the same place is tried for ever.
      if (file.bytes > furthest) progressed();
      furthest = Math.max(furthest, file.bytes);
    });
  });
  context.progress({
    phase: 'verifying',
    item: request.name,
    bytes: (request.doneBefore ?? 0) + file.bytes,
    totalBytes: request.totalBytes ?? file.bytes,
  });
  return hash.digest('hex');
}

async function hashOf(file: PartialFile): Promise<Hash> {
  const hash = createHash('sha256');
  for await (const chunk of file.read()) hash.update(chunk);
  return hash;
}

/** One request for what is missing; returns when the file has its whole length. */
async function fetchRest(
  file: PartialFile,
  request: DownloadRequest,
  context: FetchContext,
  restart: () => Promise<void>,
  received: (chunk: Uint8Array) => void,
): Promise<void> {
  const headers: Record<string, string> = { ...request.headers };
  if (file.bytes > 0) {
    headers.range = `bytes=${file.bytes}-`;
    const { validator } = file.notes;
    if (typeof validator === 'string') headers['if-range'] = validator;
  }
  const authorization = request.authorization?.header() ?? null;
  const response = await httpRequest(
    { url: request.url, headers, authorization, accept: request.authorization?.answer ? [401, 416] : [416] },
    context.retry,
    context.signal,
  );
  if (response.status === 401) {
    await response.body?.cancel();
    await request.authorization?.answer?.(response.headers.get('www-authenticate'), context.signal);
    throw new RetryableError('status 401', 0);
  }
  request.authorization?.accepted?.();
  if (response.status === 416) {
    await response.body?.cancel();
    await restart();
    throw new RetryableError('the server has less than was already fetched', null);
  }
  const start =
    response.status === 206 ? rangeStart(response, request.url) : { from: 0, total: bodyLength(response) };
  if (start.from !== file.bytes) {
    if (start.from !== 0) {
      await response.body?.cancel();
      throw new SourceError(
        'wrong-length',
        `${request.url}: asked from byte ${file.bytes}, got ${start.from}`,
      );
    }
    // A server without ranges, or with new content, starts from the beginning.
    await restart();
  }
  await checkLength(start.total, file, request, context).catch(async (error) => {
    await response.body?.cancel();
    throw error;
  });
  file.notes = { validator: validatorOf(response), length: start.total };
  try {
    for await (const chunk of readBody(response, context.retry, context.signal)) {
      const limit = start.total ?? context.settings.maxFileBytes;
      if (file.bytes + chunk.length > limit) {
        throw new SourceError('wrong-length', `${request.url}: more than the announced ${limit} bytes`);
      }
      await file.append(chunk);
      received(chunk);
      context.progress({
        phase: 'fetching',
        item: request.name,
        bytes: (request.doneBefore ?? 0) + file.bytes,
        totalBytes: request.totalBytes ?? start.total ?? context.expectedBytes,
      });
    }
  } catch (error) {
    // What arrived is kept for the next try; on a full disk there is no room even for that record.
    if (!(error instanceof SourceError && error.failure === 'disk-full')) await file.sync();
    throw error;
  }
  await file.sync();
  if (start.total !== null && file.bytes < start.total) {
    throw new RetryableError(`the connection ended at ${file.bytes} of ${start.total} bytes`, null);
  }
  file.notes = { ...file.notes, length: file.bytes };
}

async function checkLength(
  total: number | null,
  file: PartialFile,
  request: DownloadRequest,
  context: FetchContext,
): Promise<void> {
  const { maxFileBytes } = context.settings;
  if (total === null) return;
  if (request.bytes !== null && total !== request.bytes) {
    throw new SourceError('wrong-length', `${request.url}: has ${total} bytes, expected ${request.bytes}`);
  }
  if (total > maxFileBytes) {
    throw new SourceError('too-large', `${request.url}: has ${total} bytes, limit ${maxFileBytes}`);
  }
  // Asked now rather than after an hour of fetching.
  const { bavail, bsize } = await statfs(dirname(file.target));
  const missing = total - file.bytes;
  if (bavail * bsize < missing) {
    throw new SourceError(
      'disk-full',
      `${file.target} needs ${missing} more bytes, the disk has ${bavail * bsize}; free some and run again to resume`,
    );
  }
}

function rangeStart(response: Response, url: string): { from: number; total: number } {
  const match = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(response.headers.get('content-range') ?? '');
  if (!match) throw new SourceError('wrong-length', `${url}: status 206 without a usable Content-Range`);
  return { from: Number(match[1]), total: Number(match[2]) };
}

function bodyLength(response: Response): number | null {
  const header = response.headers.get('content-length');
  return header !== null && /^\d{1,15}$/.test(header) ? Number(header) : null;
}

/** A strong ETag, else the date of the last change, else nothing. */
function validatorOf(response: Response): string | null {
  const etag = response.headers.get('etag');
  if (etag?.startsWith('"')) return etag;
  return response.headers.get('last-modified');
}
