import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FetchContext, FetchProgress } from '../fetch/fetch-context';
import { DEFAULT_SETTINGS } from '../open-source';

/** Short waits, so that a test of retries takes no time. */
export const FAST_RETRY = { attempts: 4, baseDelayMs: 5, maxDelayMs: 400, idleMs: 20_000 };

export function testContext(folder: string, change: Partial<FetchContext> = {}) {
  const seen: FetchProgress[] = [];
  const context: FetchContext = {
    folder,
    signal: new AbortController().signal,
    progress: (progress) => seen.push(progress),
    retry: FAST_RETRY,
    expectedBytes: null,
    settings: DEFAULT_SETTINGS,
    ...change,
  };
  return { context, seen };
}

export function scratchFolder(): string {
  return mkdtempSync(join(tmpdir(), 'zen-importers-'));
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Reproducible bytes that do not repeat. */
export function noise(bytes: number): Buffer {
  const out = Buffer.alloc(bytes);
  let state = 1;
  for (let at = 0; at + 4 <= bytes; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out.writeUInt32LE((state ^ (state >>> 13)) >>> 0, at);
  }
  return out;
}
