import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LadderDownload } from '@zen/distribution';
import { FolderServer } from '@zen/testing';

const CUTS = 20;
/** Fast enough to be over soon, slow enough that every cut meets running requests. */
const BYTES_PER_SECOND = 20e6;

/** What a download costs on top of its own bytes when every connection is dropped, again and again. */
export async function cutDownload(
  ladder: string,
): Promise<{ cuts: number; wastedShare: number; receivedShare: number }> {
  const server = await FolderServer.start(ladder);
  server.bytesPerSecond = BYTES_PER_SECOND;
  const cache = await mkdtemp(join(tmpdir(), 'zen-progressive-'));
  const { signal } = new AbortController();
  const options = { home: cache, strategy: 'balanced' as const, bytesPerSecond: null, signal };
  try {
    const download = await LadderDownload.open(server.url, { ...options, retry: { baseDelayMs: 20 } });
    const before = server.bytesSent;
    const total = download.manifest.layers.reduce((sum, { bytes }) => sum + bytes, 0);
    const running = download.run(signal);
    let cuts = 0;
    while (cuts < CUTS) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      // Evenly over the download; a moment without a request does not count.
      if (server.bytesSent - before < ((cuts + 1) * total) / (CUTS + 1)) continue;
      if (download.progress().requestsInFlight > 0 && server.cut() > 0) cuts++;
    }
    await running;
    const { bytesReceived, bytesKept } = download.progress();
    await download.close();
    return {
      cuts,
      wastedShare: (server.bytesSent - before - total) / total,
      receivedShare: (bytesReceived - bytesKept) / bytesKept,
    };
  } finally {
    await server.stop();
    await rm(cache, { recursive: true });
  }
}
