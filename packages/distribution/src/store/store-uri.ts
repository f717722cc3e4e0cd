import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DistributionError } from '../distribution-error';

/** A ladder's address, taken apart. `digest` is `sha256:<hex>` of the manifest where the address names it. */
export type StoreUri =
  | { kind: 'folder'; path: string }
  | { kind: 'http'; url: string; digest: string | null }
  | { kind: 's3'; bucket: string; prefix: string; digest: string | null }
  | { kind: 'oci'; registry: string; repository: string; reference: string; digest: string | null };

/** Longest address read, in characters. */
const MAX_URI = 2048;
const OCI =
  /^((?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?)\/([a-z0-9]+(?:(?:[._]|__|-+|\/)[a-z0-9]+)*)(?:@(sha256:[0-9a-f]{64})|:([A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?$/;
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const KEY_SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._@+=-]{0,199}$/;

/**
 * Reads `oci://host[:port]/repository[:tag|@sha256:…]`, `http(s)://…/folder`, `s3://bucket/prefix`,
 * `file:///folder` or a plain path. An http or s3 address may end in `#sha256=<64 hex digits>` of its manifest.
 */
export function parseStoreUri(text: string): StoreUri {
  if (text.length === 0 || text.length > MAX_URI) {
    throw new DistributionError(
      'bad-uri',
      `ladder address: ${text.length} characters, must be 1 to ${MAX_URI}`,
    );
  }
  const scheme = /^([a-z0-9]+):\/\//.exec(text)?.[1];
  switch (scheme) {
    case undefined:
      return { kind: 'folder', path: resolve(text) };
    case 'file':
      return { kind: 'folder', path: filePath(text) };
    case 'http':
    case 'https':
      return httpUri(text);
    case 's3':
      return s3Uri(text);
    case 'oci':
      return ociUri(text);
    default:
      throw bad(text, `unknown scheme ${scheme}:// (known: oci, https, http, s3, file)`);
  }
}

function filePath(text: string): string {
  try {
    return fileURLToPath(text);
  } catch (error) {
    throw bad(text, (error as Error).message);
  }
}

function httpUri(text: string): StoreUri {
  const [body, digest] = splitDigest(text);
  const url = URL.canParse(body) ? new URL(body) : null;
  if (!url?.hostname) throw bad(text, 'not a URL');
  // An address is printed and logged, so it is no place for secrets.
  if (url.username || url.password || url.search) throw bad(text, 'must have no user, password or query');
  return { kind: 'http', url: url.href.replace(/\/+$/, ''), digest };
}

function s3Uri(text: string): StoreUri {
  const [body, digest] = splitDigest(text);
  const [bucket = '', ...segments] = body.slice('s3://'.length).replace(/\/+$/, '').split('/');
  if (!BUCKET.test(bucket)) throw bad(text, 'expected s3://bucket/prefix');
  if (segments.some((segment) => !KEY_SEGMENT.test(segment))) {
    throw bad(text, 'a prefix is made of letters, digits and ._@+=- between slashes');
  }
  return { kind: 's3', bucket, prefix: segments.join('/'), digest };
}

function ociUri(text: string): StoreUri {
  const match = OCI.exec(text.slice('oci://'.length));
  if (!match) throw bad(text, 'expected oci://host[:port]/repository[:tag|@sha256:…]');
  const [, registry = '', repository = '', digest, tag] = match;
  if (repository.length > 255) throw bad(text, 'the repository has more than 255 characters');
  return {
    kind: 'oci',
    registry,
    repository,
    reference: digest ?? tag ?? 'latest',
    digest: digest ?? null,
  };
}

function splitDigest(text: string): [string, string | null] {
  const at = text.indexOf('#');
  if (at < 0) return [text, null];
  const match = /^#sha256=([0-9a-f]{64})$/.exec(text.slice(at));
  if (!match) throw bad(text, 'after # must come sha256= and 64 lower-case hex digits');
  return [text.slice(0, at), `sha256:${match[1]!}`];
}

function bad(text: string, why: string): DistributionError {
  return new DistributionError('bad-uri', `ladder address ${text.replace(/\/\/[^/@]*@/, '//')}: ${why}`);
}
