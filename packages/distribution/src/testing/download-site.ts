import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLadder } from '@zen/ladder';
import { type SampleLadder, writeSampleLadder } from '@zen/testing';
import { LadderDownload } from '../download/ladder-download';
import type { DownloadOptions } from '../download/staged-ladder';
import { type LayoutServer, serveLayout } from './layout-server';

/** Retries come soon, and silence is long: the machine may be busy. */
export const FAST = { baseDelayMs: 5, maxDelayMs: 400, idleMs: 20_000 };

/** A sample ladder behind a web server of its own and an empty cache, new for each test of the file. */
export class DownloadSite {
  readonly scratch = mkdtempSync(join(tmpdir(), 'zen-distribution-'));
  readonly signal: AbortSignal = new AbortController().signal;
  sample!: SampleLadder;
  server!: LayoutServer;
  home!: string;

  /** Registers the file's hooks. */
  constructor(layers = 3) {
    beforeAll(() => {
      this.sample = writeSampleLadder(join(this.scratch, 'sample'), 1, layers);
    });
    afterAll(() => rmSync(this.scratch, { recursive: true }));
    beforeEach(async () => {
      this.home = this.newHome();
      this.server = await serveLayout(this.sample.folder);
    });
    afterEach(() => this.server.close());
  }

  newHome(): string {
    return mkdtempSync(join(this.scratch, 'home-'));
  }

  open(change: Partial<DownloadOptions> = {}, uri = this.server.url): Promise<LadderDownload> {
    return LadderDownload.open(uri, {
      home: this.home,
      strategy: 'balanced',
      bytesPerSecond: null,
      signal: this.signal,
      retry: FAST,
      ...change,
    });
  }

  /** The folder holds the sample, to the byte. */
  async expectWhole(folder: string): Promise<void> {
    const { stagePaths, digest } = await openLadder(folder);
    expect(digest).toBe(this.sample.digest);
    stagePaths.forEach((path, stage) => {
      expect(readFileSync(path).equals(this.sample.blobs[stage]!)).toBe(true);
    });
  }
}
