import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FolderServer } from '@zen/testing';
import { LlamaPeer } from '../peer';
import { home } from '../subjects';
import { ThinkerProcess } from '../thinker-process';

const THREADS = 2;
const PROMPT = 'Once upon a time';
/** The same prompt for the peer: any five tokens take as long. */
const PROMPT_TOKENS = [2520, 2810, 253, 655, 30];

/** An arrival: how long it took, and how many bytes came over the link by then. */
export interface Arrival {
  ms: number;
  bytes: number;
}

/**
 * From an empty disk to the first token, and to all stages, over a link of this many bytes a second. The thinker is
 * started as users start it, and fetches from a plain web server.
 */
export async function ourArrivals(
  ladder: string,
  bytesPerSecond: number,
): Promise<{ first: Arrival; whole: Arrival }> {
  const server = await FolderServer.start(ladder);
  server.bytesPerSecond = bytesPerSecond;
  const cache = await mkdtemp(join(tmpdir(), 'zen-progressive-'));
  const started = performance.now();
  const now = (): Arrival => ({ ms: performance.now() - started, bytes: server.bytesSent });
  const thinker = await ThinkerProcess.spawn(server.url, { ZEN_HOME: cache });
  try {
    // Refused until the port is open and the first servable stage is attached.
    while ((await thinker.answer(PROMPT, 1).catch(() => null)) === null) await pause(20);
    const first = now();
    await thinker.complete();
    return { first, whole: now() };
  } finally {
    await thinker.stop();
    await server.stop();
    await rm(cache, { recursive: true });
  }
}

/** The same for llama.cpp, which must have the whole source file before it starts. */
export async function peerArrival(source: string, bytesPerSecond: number): Promise<Arrival> {
  // Installs it where that has not been done, and has its program in memory.
  (await LlamaPeer.start(home(), source, THREADS)).stop();
  const server = await FolderServer.start(dirname(source));
  server.bytesPerSecond = bytesPerSecond;
  const cache = await mkdtemp(join(tmpdir(), 'zen-progressive-'));
  const file = join(cache, 'source.gguf');
  const started = performance.now();
  try {
    const response = await fetch(`${server.url}/${encodeURIComponent(basename(source))}`);
    if (!response.ok || !response.body) throw new Error(`the source: ${response.status}`);
    await pipeline(Readable.fromWeb(response.body as never), createWriteStream(file));
    const { bytesSent } = server;
    const peer = await LlamaPeer.start(home(), file, THREADS);
    await peer.generate(PROMPT_TOKENS, 0);
    const ms = performance.now() - started;
    peer.stop();
    return { ms, bytes: bytesSent };
  } finally {
    await server.stop();
    await rm(cache, { recursive: true });
  }
}

/**
 * Milliseconds that the arrival takes over another link: what it waited for (`needed` bytes) at that rate, and what
 * came on top of those bytes' own time where it was measured (start, attaching, computing).
 */
export function atRate({ ms }: Arrival, needed: number, measuredAt: number, rate: number): number {
  return (needed / rate) * 1000 + Math.max(0, ms - (needed / measuredAt) * 1000);
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
