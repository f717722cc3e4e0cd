import { HubApiError, listFiles, modelInfo } from '@huggingface/hub';
import { HttpError, httpRequest, readSmallBody, withRetries } from '@zen/http';
import type { CachedFile } from '../cache/cache-entry';
import { SourceError } from '../source-error';
import type { SourceUri } from '../source-uri';
import { download } from './download';
import type { FetchContext } from './fetch-context';
import { chooseFiles, type OfferedFile } from './repository-files';

/** Largest answer of the hub's API. */
const MAX_ANSWER = 64 * 1024 * 1024;

/** Fetches a model repository of the Hugging Face hub, pinned to one commit for the whole fetch. */
export async function fetchHuggingFace(
  uri: Extract<SourceUri, { scheme: 'hf' }>,
  context: FetchContext,
): Promise<CachedFile[]> {
  const { huggingFaceEndpoint: hubUrl, huggingFaceToken: token } = context.settings;
  const authorization = token === null ? null : `Bearer ${token}`;
  const api = { hubUrl, fetch: boundedFetch(hubUrl, authorization, context) };
  const where = `hf://${uri.repo}@${uri.revision}`;
  const offered: OfferedFile[] = [];
  let commit: string;
  try {
    ({ sha: commit } = await modelInfo({
      ...api,
      name: uri.repo,
      revision: uri.revision,
      additionalFields: ['sha'],
    }));
    if (!/^[0-9a-f]{40}$/.test(commit)) throw new SourceError('bad-format', `${where}: commit ${commit}`);
    for await (const entry of listFiles({ ...api, repo: uri.repo, revision: commit, recursive: true })) {
      // A file in large-file storage is known by its SHA-256; others only by git's hash.
      if (entry.type === 'file') {
        offered.push({
          name: entry.path,
          bytes: entry.lfs?.size ?? entry.size,
          sha256: entry.lfs?.oid ?? null,
        });
      }
    }
  } catch (error) {
    throw hubError(error, where);
  }
  const files = chooseFiles(offered, uri.file, where);
  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const done: CachedFile[] = [];
  let doneBefore = 0;
  for (const file of files) {
    const path = file.name.split('/').map(encodeURIComponent).join('/');
    const only = files.length === 1 ? uri.sha256 : null;
    const fetched = await download(
      {
        url: `${hubUrl}/${uri.repo}/resolve/${commit}/${path}`,
        // A file of a sub-folder is kept without it.
        name: file.name.split('/').at(-1)!,
        sha256: only ?? file.sha256,
        bytes: file.bytes,
        authorization: { header: () => authorization },
        doneBefore,
        totalBytes,
      },
      context,
    );
    done.push(fetched);
    doneBefore += file.bytes;
  }
  return done;
}

/** What the hub's client uses for its requests: our retries and limits, and the token for the hub alone. */
function boundedFetch(hubUrl: string, authorization: string | null, context: FetchContext): typeof fetch {
  return async (input) => {
    const url = input instanceof Request ? input.url : String(input);
    return withRetries(url, context.retry, context.signal, async () => {
      const own = new URL(url).origin === new URL(hubUrl).origin;
      const response = await httpRequest(
        { url, headers: { accept: 'application/json' }, authorization: own ? authorization : null },
        context.retry,
        context.signal,
      );
      const body = await readSmallBody(response, MAX_ANSWER, context.retry, context.signal);
      return new Response(new Uint8Array(body), { status: response.status, headers: response.headers });
    });
  };
}

function hubError(error: unknown, where: string): SourceError {
  if (error instanceof SourceError) return error;
  if (error instanceof HttpError) return new SourceError(error.failure, error.message, { cause: error });
  const detail = error instanceof Error ? error.message : String(error);
  const failure = error instanceof HubApiError ? 'network' : 'bad-format';
  return new SourceError(failure, `${where}: ${detail}`, { cause: error });
}
