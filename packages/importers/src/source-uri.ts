import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SourceError } from './source-error';

/** One file inside one wheel. */
export interface WheelFile {
  package: string;
  version: string;
  path: string;
}

/** A source's address, taken apart. `sha256` is null where the address does not state it. */
export type SourceUri =
  | { scheme: 'file'; path: string; sha256: string | null }
  | { scheme: 'http'; url: string; sha256: string | null }
  | { scheme: 'pypi'; parts: WheelFile[]; sha256: string | null }
  | { scheme: 'hf'; repo: string; revision: string; file: string | null; sha256: string | null }
  | { scheme: 'oci'; registry: string; repository: string; reference: string; sha256: string | null };

/** Longest address read, in characters. */
const MAX_URI = 2048;
/** Most parts one `{a..b}` may stand for. */
const MAX_PARTS = 256;
const PACKAGE = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/;
const VERSION = /^[A-Za-z0-9](?:[A-Za-z0-9.+!_-]{0,62}[A-Za-z0-9])?$/;
const HF_REPO = /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}\/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$/;
const HF_REVISION = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/;
const OCI_REGISTRY = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const OCI_REPOSITORY = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const OCI_REFERENCE = /^(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}|sha256:[0-9a-f]{64})$/;

/**
 * Reads an address: `pypi://NAME@VERSION/path/in/wheel`, `hf://owner/repo[@revision][/file]`, `https://…`,
 * `http://…`, `oci://registry/repository(:tag|@sha256:…)`, `file:///path` or a plain path. Each may end in
 * `#sha256=<64 hex digits>`. In a `pypi` address `{1..22}` or `{01..22}` counts up; all braces of one
 * address count together and the parts are joined in order.
 */
export function parseSourceUri(text: string): SourceUri {
  if (text.length === 0 || text.length > MAX_URI) {
    throw new SourceError('bad-uri', `source address: ${text.length} characters, must be 1 to ${MAX_URI}`);
  }
  const scheme = /^([a-z]+):\/\//.exec(text)?.[1];
  if (scheme === undefined) return { scheme: 'file', path: resolve(text), sha256: null };
  const [body, sha256] = splitHash(text);
  const rest = body.slice(scheme.length + 3);
  switch (scheme) {
    case 'file':
      return { scheme, path: filePath(body), sha256 };
    case 'http':
    case 'https':
      return { scheme: 'http', url: httpUrl(body), sha256 };
    case 'pypi':
      return { scheme, parts: wheelFiles(text, rest), sha256 };
    case 'hf':
      return { scheme, ...huggingFace(text, rest), sha256 };
    case 'oci':
      return { scheme, ...oci(text, rest), sha256 };
    default:
      throw bad(text, `unknown scheme ${scheme}:// (known: pypi, hf, https, http, oci, file)`);
  }
}

/** True for a relative path whose every segment is an ordinary name: it cannot leave the folder it is in. */
export function isSafeRelativePath(path: string): boolean {
  if (path.length === 0 || path.length > 512 || isAbsolute(path)) return false;
  return path.split('/').every((segment) => /^[A-Za-z0-9_][A-Za-z0-9._+ @=-]{0,199}$/.test(segment));
}

function splitHash(text: string): [string, string | null] {
  const at = text.indexOf('#');
  if (at < 0) return [text, null];
  const match = /^#sha256=([0-9a-f]{64})$/.exec(text.slice(at));
  if (!match) throw bad(text, 'after # must come sha256= and 64 lower-case hex digits');
  return [text.slice(0, at), match[1]!];
}

function filePath(body: string): string {
  try {
    return fileURLToPath(body);
  } catch (error) {
    throw bad(body, error instanceof Error ? error.message : String(error));
  }
}

function httpUrl(body: string): string {
  const url = URL.canParse(body) ? new URL(body) : null;
  if (!url?.hostname) throw bad(body, 'not a URL');
  return url.href;
}

function wheelFiles(text: string, rest: string): WheelFile[] {
  return countUp(text, rest).map((one) => {
    const match = /^([^@/]+)@([^@/]+)\/(.+)$/.exec(one);
    if (!match) throw bad(text, 'expected pypi://NAME@VERSION/path/in/wheel');
    const [, name, version, path] = match as unknown as [string, string, string, string];
    if (!PACKAGE.test(name)) throw bad(text, `package name ${name} is not valid`);
    if (!VERSION.test(version)) throw bad(text, `version ${version} is not valid`);
    if (!isSafeRelativePath(path)) throw bad(text, `path ${path} is not a plain relative path`);
    return { package: name, version, path };
  });
}

/** Expands every `{a..b}` of `rest` together; without braces, one element. */
function countUp(text: string, rest: string): string[] {
  const ranges = [...rest.matchAll(/\{(\d{1,4})\.\.(\d{1,4})\}/g)].map((m) => [m[1]!, m[2]!] as const);
  const [head] = ranges;
  if (!head) return [rest];
  const first = Number(head[0]);
  const last = Number(head[1]);
  if (ranges.some(([a, b]) => Number(a) !== first || Number(b) !== last)) {
    throw bad(text, 'all {a..b} of one address must have the same ends');
  }
  const count = last - first + 1;
  if (count < 1 || count > MAX_PARTS) throw bad(text, `${count} parts, must be 1 to ${MAX_PARTS}`);
  return Array.from({ length: count }, (_, i) =>
    rest.replace(/\{(\d+)\.\.\d+\}/g, (_all, a: string) => String(first + i).padStart(a.length, '0')),
  );
}

function huggingFace(text: string, rest: string) {
  const match = /^([^/@]+\/[^/@]+)(?:@([^/]+))?(?:\/(.+))?$/.exec(rest);
  const repo = match?.[1] ?? '';
  // A revision with a slash (refs/pr/1) is written with %2F, so that it cannot be taken for the file.
  const revision = (match?.[2] ?? 'main').replaceAll('%2F', '/');
  const file = match?.[3] ?? null;
  if (!HF_REPO.test(repo)) throw bad(text, 'expected hf://owner/repository[@revision][/file]');
  if (!HF_REVISION.test(revision) || revision.includes('..'))
    throw bad(text, `revision ${revision} is not valid`);
  if (file !== null && !isSafeRelativePath(file))
    throw bad(text, `file ${file} is not a plain relative path`);
  return { repo, revision, file };
}

function oci(text: string, rest: string) {
  const match = /^([^/]+)\/([^@]+?)(?:@(sha256:[0-9a-f]+)|:([^:/]+))?$/.exec(rest);
  const [, registry = '', repository = '', digest, tag] = match ?? [];
  const reference = digest ?? tag ?? 'latest';
  if (!OCI_REGISTRY.test(registry)) throw bad(text, 'expected oci://registry/repository(:tag|@sha256:…)');
  if (repository.length > 255 || !OCI_REPOSITORY.test(repository)) {
    throw bad(text, `repository ${repository} is not valid`);
  }
  if (!OCI_REFERENCE.test(reference)) throw bad(text, `tag ${reference} is not valid`);
  return { registry, repository, reference };
}

function bad(text: string, why: string): SourceError {
  return new SourceError('bad-uri', `source address ${text}: ${why}`);
}
