import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Scrubber } from '@zen/distribution';
import { CHUNK_BYTES } from '@zen/ladder';
import { StageClimb } from './stage-climb';

const GOOD = Buffer.alloc(CHUNK_BYTES + 100, 7);
const BAD = Buffer.from(GOOD).fill(8, CHUNK_BYTES + 50, CHUNK_BYTES + 51);
const hash = (data: Buffer) => createHash('sha256').update(data).digest('hex');
const CHUNKS = [hash(GOOD.subarray(0, CHUNK_BYTES)), hash(GOOD.subarray(CHUNK_BYTES))];

/** A climb over three stages of real files and an engine that only keeps the rules. */
class Bench {
  readonly said: string[] = [];
  /** Awaited by the attach of each stage. */
  attaching: (stage: number) => Promise<void> = async () => undefined;
  repairing: (stage: number, chunks: readonly number[]) => Promise<void> = async (stage) =>
    writeFile(this.path(stage), GOOD);
  private attached = -1;
  private readonly ending = new AbortController();
  readonly climb: StageClimb;
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly folder: string) {
    const digest = `sha256:${'0'.repeat(64)}`;
    const layers = [0, 1, 2].map((stage) => ({ stage, digest, bytes: GOOD.length, chunks: CHUNKS }));
    this.climb = new StageClimb(
      {
        attachStage: async (stage) => {
          const below = this.attached;
          if (stage !== below + 1) throw new Error(`stage ${stage} must follow`);
          await this.attaching(stage);
          if (this.attached !== below) throw new Error('must not lose the stage below while it attaches');
          this.attached = stage;
        },
        detachStage: (stage) => {
          this.attached = Math.min(this.attached, stage - 1);
        },
      },
      {
        manifest: { digest, config: { digest, bytes: 1 }, layers },
        stage: async (stage) => this.path(stage),
        wanted: (stage) => [...(layers[stage]?.chunks ?? []).keys()],
        repair: async (stage, chunks) => {
          this.said.push(`repair ${stage}: ${chunks}`);
          await this.repairing(stage, chunks);
          return this.path(stage);
        },
      },
      1,
      {
        attached: (top) => this.said.push(`attached ${top}`),
        dropped: (stage) => this.said.push(`dropped ${stage}`),
        failed: (stage, error, again) =>
          this.said.push(`failed ${stage} ${(error as Error).message} ${again}`),
      },
    );
  }

  path(stage: number): string {
    return join(this.folder, `stage-${stage}`);
  }

  async start(): Promise<void> {
    for (const stage of [0, 1, 2]) await writeFile(this.path(stage), GOOD);
    this.running = this.climb.run(this.ending.signal, (again) => this.said.push(`settled ${again}`));
  }

  async until(what: string): Promise<void> {
    while (!this.said.includes(what)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.running;
  }
}

describe('a climb', () => {
  let folder: string;
  let bench: Bench;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zen-climb-'));
    bench = new Bench(folder);
  });
  afterEach(async () => {
    await bench.stop();
    await rm(folder, { recursive: true });
  });

  test('a stage that is lost while a higher one attaches: both come again, and nothing is fetched twice', async () => {
    let go: () => void = () => undefined;
    let held = 1;
    bench.attaching = (stage) =>
      stage === 2 && held-- > 0
        ? new Promise<void>((resolve) => {
            bench.said.push('held');
            go = resolve;
          })
        : Promise.resolve();
    await bench.start();
    await bench.until('held');
    await writeFile(bench.path(0), BAD);
    bench.climb.drop(0);
    expect([bench.climb.top, bench.climb.ready]).toEqual([-1, false]);
    go();
    await bench.until('settled false');
    expect(bench.said.slice(3)).toEqual([
      'dropped 0',
      'repair 0: 1',
      'attached 0',
      'attached 1',
      'attached 2',
      'settled false',
    ]);
    expect([bench.climb.corruptChunks, bench.climb.failures.size]).toEqual([1, 0]);
  });

  test('bytes that the engine refuses: fetched again if they are bad, given up if they are right', async () => {
    bench.attaching = async (stage) => {
      if (stage === 1 && !bench.said.includes('repair 1: 1')) {
        await writeFile(bench.path(1), BAD);
        throw new Error('tensor x is damaged');
      }
      if (stage === 2) throw new Error('tensor y is strange');
    };
    await bench.start();
    await bench.until('settled false');
    expect(bench.said).toEqual([
      'attached 0',
      'repair 1: 1',
      'attached 1',
      'failed 2 tensor y is strange false',
      'settled false',
    ]);
    expect(bench.climb.failures.get(2)).toBe('tensor y is strange');
  });

  test('a repair that fails is tried again, and counts its chunks once', async () => {
    let tries = 0;
    bench.repairing = async () => {
      if (++tries === 1) throw new Error('the origin is away');
      await writeFile(bench.path(1), GOOD);
    };
    await bench.start();
    await bench.until('settled false');
    await writeFile(bench.path(1), BAD);
    bench.climb.drop(1);
    await bench.until('failed 1 the origin is away true');
    expect(bench.climb.failures.get(1)).toBe('the origin is away');
    while (!bench.climb.complete) await new Promise((resolve) => setTimeout(resolve, 20));
    expect([tries, bench.climb.corruptChunks]).toEqual([2, 1]);
  });

  test('the scrubber finds the bad chunk of the file that is attached', async () => {
    await bench.start();
    await bench.until('settled false');
    const ending = new AbortController();
    const { climb } = bench;
    const scrubber = new Scrubber({
      bytesPerSecond: 2 ** 40,
      files: () => climb.attached,
      found: ({ stage }) => climb.drop(stage),
    });
    const running = scrubber.run(ending.signal);
    while (scrubber.checked < 12) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(bench.said).not.toContain('dropped 2');
    await writeFile(bench.path(2), BAD, { flag: 'r+' });
    await bench.until('repair 2: 1');
    while (!climb.complete) await new Promise((resolve) => setTimeout(resolve, 5));
    ending.abort();
    await running;
    expect(bench.said.filter((line) => line.startsWith('dropped'))).toEqual(['dropped 2']);
  });
});
