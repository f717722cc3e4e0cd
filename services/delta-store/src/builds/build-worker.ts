import { fork } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Aliases } from '../aliases/aliases';
import type { Blobs } from '../deltas/blobs';
import { SEGMENT_BYTES } from '../deltas/delta-record';
import type { Publisher } from '../deltas/publisher';
import { StoreError } from '../store-error';
import type { TenantSpace, Tenants } from '../tenant/tenants';
import type { BuildOrder, BuildWord } from './build-child';
import { type BuildJob, HopelessBuild } from './build-queue';
import { type BuildRecord, type BuildRecords, hasEnded } from './build-record';

const CHUNK_BYTES = 2 ** 20;
/** How often a worker looks whether the build was cancelled. */
const LOOK_MS = 500;

export interface WorkerParts {
  tenants: Tenants;
  records: BuildRecords;
  blobs: Blobs;
  publisher: Publisher;
  aliases: Aliases;
  bases: ReadonlyMap<string, string>;
}

/**
 * Runs builds, each in a process of its own: its arithmetic would keep this one from answering. The input stands
 * unencrypted in a folder that only this user can read, for as long as it is built.
 */
export class BuildWorker {
  constructor(
    private readonly parts: WorkerParts,
    private readonly script = join(__dirname, 'build-child.js'),
  ) {}

  async run({ tenant, id }: BuildJob, attempt: number, stop: AbortSignal): Promise<void> {
    const { tenants, records } = this.parts;
    const space = await tenants.find(tenant);
    // Erased meanwhile.
    if (!space) return;
    const record = await records.change(space, id, (before) =>
      before && !hasEnded(before)
        ? { ...before, phase: 'running', attempts: attempt, progress: 0, detail: 'reading the input' }
        : null,
    );
    if (!record || hasEnded(record)) return;
    const folder = await mkdtemp(join(tmpdir(), 'zen-build-'));
    const cancelled = new AbortController();
    const timer = setInterval(() => {
      void this.isCancelled(tenant, id).then(
        (yes) => yes && cancelled.abort(new Error('cancelled')),
        () => {},
      );
    }, LOOK_MS);
    try {
      const input = join(folder, 'input.safetensors');
      await this.writeInput(space, record, input);
      const output = join(folder, 'output.delta');
      await this.build(space, record, { input, output }, AbortSignal.any([stop, cancelled.signal]));
      await this.publish(space, record, output);
    } catch (error) {
      if (cancelled.signal.aborted) return;
      throw error;
    } finally {
      clearInterval(timer);
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** The last try has failed: says why, and lets the input go. */
  async failed({ tenant, id }: BuildJob, error: unknown): Promise<void> {
    const space = await this.parts.tenants.find(tenant);
    const record =
      space &&
      (await this.parts.records.change(space, id, (before) =>
        before && !hasEnded(before) ? { ...before, phase: 'failed', detail: reason(error) } : null,
      ));
    if (record) await this.parts.blobs.remove(space, record.blob);
  }

  private async isCancelled(tenant: string, id: string): Promise<boolean> {
    const space = await this.parts.tenants.find(tenant);
    return !space || (await this.parts.records.find(space, id))?.phase === 'cancelled';
  }

  private async writeInput(space: TenantSpace, { blob, bytes }: BuildRecord, path: string): Promise<void> {
    const file = await open(path, 'wx', 0o600);
    try {
      for (let index = 0; index * SEGMENT_BYTES < bytes; index++) {
        const segment = await this.parts.blobs.read(space, blob, index);
        if (!segment) throw new HopelessBuild('its input is there no more; start it again');
        await file.writeFile(segment);
      }
    } finally {
      await file.close();
    }
  }

  private async build(
    space: TenantSpace,
    { id, spec }: BuildRecord,
    { input, output }: { input: string; output: string },
    signal: AbortSignal,
  ): Promise<void> {
    const ladder = this.parts.bases.get(spec.base);
    if (ladder === undefined) throw new HopelessBuild(`base ${spec.base} is known no more`);
    const { adapterConfig, recipe, rank } = spec;
    const order: BuildOrder = { ladder, file: input, output, adapterConfig, recipe, rank };
    let shown = -1;
    let writing: Promise<unknown> = Promise.resolve();
    await runChild(this.script, order, signal, (done, total) => {
      const progress = Math.floor((99 * done) / total) / 100;
      if (progress === shown) return;
      shown = progress;
      const detail = `layer ${Math.min(done + 1, total)} of ${total}`;
      // In order; a worker that cannot write fails at the end.
      writing = writing.then(() =>
        this.parts.records.change(space, id, (before) =>
          before?.phase === 'running' ? { ...before, progress, detail } : null,
        ),
      );
      writing.catch(() => {});
    });
    await writing;
  }

  private async publish(space: TenantSpace, { id, spec, blob }: BuildRecord, output: string): Promise<void> {
    const { publisher, aliases, records, blobs } = this.parts;
    const { record } = await publisher.publish(space, chunksOf(output)).catch((error) => {
      // Another try would be refused, too.
      if (error instanceof StoreError && ['quota', 'revoked'].includes(error.failure)) {
        throw new HopelessBuild(error.message);
      }
      throw error;
    });
    if (spec.alias !== null) {
      const now = await aliases.find(space, spec.alias);
      if (now?.digest !== record.digest) {
        await aliases.set(space, spec.alias, record.digest, now?.generation ?? 0);
      }
    }
    await records.change(space, id, (before) =>
      before && !hasEnded(before)
        ? { ...before, phase: 'succeeded', progress: 1, detail: '', digest: record.digest }
        : null,
    );
    await blobs.remove(space, blob);
  }
}

async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function runChild(
  script: string,
  order: BuildOrder,
  signal: AbortSignal,
  progress: (done: number, total: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // Nothing of this service's settings and secrets is for the child.
    const { PATH, HOME, TMPDIR } = process.env;
    const child = fork(script, [], {
      env: { PATH, HOME, TMPDIR },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said: BuildWord | null = null;
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr = (stderr + chunk).slice(-2000);
    });
    const kill = () => child.kill('SIGKILL');
    signal.addEventListener('abort', kill, { once: true });
    if (signal.aborted) kill();
    child.on('message', (word: BuildWord) => {
      if (word.t === 'progress') progress(word.done, word.total);
      else said = word;
    });
    child.once('error', reject);
    child.once('close', (code, by) => {
      signal.removeEventListener('abort', kill);
      if (signal.aborted) reject(signal.reason);
      else if (said?.t === 'done') resolve();
      else if (said?.t === 'refused') reject(new HopelessBuild(said.reason));
      else reject(new Error(`the build's process ended with ${by ?? code}: ${stderr}`));
    });
    child.send(order);
  });
}

/** What may be told to the tenant: faults of the input. */
function reason(error: unknown): string {
  const told = error instanceof HopelessBuild || (error as Error)?.name === 'UnrecoverableError';
  return told ? (error as Error).message : 'an internal error, in every try';
}
