import { Backoff, pause } from '@zen/pause';
import type { ApiServer } from './api-server';
import { ask } from './ask';
import { ClusterError } from './cluster-error';
import { readJson } from './read-json';
import { readLines } from './read-lines';

export interface KubeObject {
  metadata?: { name?: string; resourceVersion?: string };
}

export interface Followed<T> {
  /** Told the whole set after each list and after every change; a failure tells nothing, so the last set stands. */
  onChange(objects: readonly T[]): void;
  /** The API server cannot be followed now. */
  onTrouble(error: ClusterError): void;
  /** The server was heard: what was told last is as new as this moment. */
  onHeard?(): void;
}

export interface FollowOptions {
  /** In [0, 1): spreads the reconnects of many followers. */
  random: () => number;
  /** Milliseconds between two attempts, at first and at most; 200 and 10,000. */
  firstBackoffMs?: number;
  maxBackoffMs?: number;
  /** Seconds after which a watch is renewed, so that a connection that died unnoticed hides no change for long; 60. */
  watchS?: number;
  /** Seconds after which everything is listed anew, whatever the watches said; never unless it is set. */
  relistS?: number;
}

/** Objects a page of a list. */
const PAGE = 500;
const MAX_PAGE_BYTES = 64 * 2 ** 20;
/** The largest object that etcd takes has 1.5 MiB. */
const MAX_EVENT_BYTES = 8 * 2 ** 20;
/** What a renewed watch may be late by. */
const OVERDUE_MS = 10_000;
const GONE = 410;

interface Page {
  metadata?: { resourceVersion?: string; continue?: string };
  items?: KubeObject[];
}

interface Event {
  type?: string;
  object?: KubeObject & { code?: number; message?: string };
}

/**
 * Follows every object under `path` that `query` selects: lists them, watches from there on, lists again where the
 * server has forgotten that point, and goes on trying, for hours if need be. Resolves once `signal` is aborted.
 */
export async function follow<T extends KubeObject>(
  server: ApiServer,
  path: string,
  query: Readonly<Record<string, string>>,
  { onChange, onTrouble, onHeard = () => undefined }: Followed<T>,
  options: FollowOptions,
  signal: AbortSignal,
): Promise<void> {
  const { firstBackoffMs = 200, maxBackoffMs = 10_000, watchS = 60, relistS, random } = options;
  let relistMs = Number.POSITIVE_INFINITY;
  const backoff = new Backoff(firstBackoffMs, maxBackoffMs, random);
  let objects = new Map<string, KubeObject>();
  /** Where the next watch begins; null asks for a list. */
  let version: string | null = null;
  const tell = () => onChange([...objects.values()] as T[]);

  async function list(): Promise<string> {
    const found = new Map<string, KubeObject>();
    let more = '';
    for (;;) {
      const asked = { ...query, limit: String(PAGE), ...(more ? { continue: more } : {}) };
      const { metadata, items } = await readJson<Page>(
        await ask(server, path, asked, signal),
        MAX_PAGE_BYTES,
        'a list',
      );
      for (const item of items ?? []) found.set(nameOf(item), item);
      more = metadata?.continue ?? '';
      if (more) continue;
      objects = found;
      if (relistS !== undefined) relistMs = performance.now() + relistS * 1000;
      onHeard();
      tell();
      return metadata?.resourceVersion ?? '';
    }
  }

  async function watch(resourceVersion: string): Promise<void> {
    const overdue = AbortSignal.timeout(watchS * 1000 + OVERDUE_MS);
    const asked = { ...query, watch: 'true', resourceVersion, allowWatchBookmarks: 'true' };
    const timed = { ...asked, timeoutSeconds: String(watchS) };
    const body = await ask(server, path, timed, AbortSignal.any([signal, overdue]));
    for await (const line of readLines(body, MAX_EVENT_BYTES)) apply(JSON.parse(line) as Event);
  }

  function apply({ type, object }: Event): void {
    if (type === 'ERROR') throw new ClusterError(object?.message ?? 'the watch failed', object?.code ?? 0);
    backoff.reset();
    onHeard();
    const at = object?.metadata?.resourceVersion;
    // Versions grow along a watch: what is not newer than the last one was seen before.
    if (!object || !at || !isNewer(at, version)) return;
    version = at;
    if (type === 'DELETED') objects.delete(nameOf(object));
    else if (type === 'ADDED' || type === 'MODIFIED') objects.set(nameOf(object), object);
    else return;
    tell();
  }

  while (!signal.aborted) {
    try {
      if (performance.now() >= relistMs) version = null;
      version ??= await list();
      await watch(version);
      onHeard();
      await pause(firstBackoffMs * random(), signal);
    } catch (error) {
      if (signal.aborted) return;
      const known = error instanceof ClusterError ? error : new ClusterError((error as Error).message);
      if (known.status === GONE) version = null;
      else onTrouble(known);
      await pause(Math.max(known.retryAfterMs ?? 0, backoff.next()), signal);
    }
  }
}

function isNewer(version: string, than: string | null): boolean {
  const ordered = /^\d{1,20}$/;
  return than === null || !ordered.test(version) || !ordered.test(than) || BigInt(version) > BigInt(than);
}

function nameOf({ metadata }: KubeObject): string {
  return metadata?.name ?? '';
}
