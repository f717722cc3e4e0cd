import { type FileHandle, open, rm } from 'node:fs/promises';
import { Tier } from '@zen/delta-cache';
import { DeltaError, type DeltaHeader, headerBytes, headerLength, parseHeader } from '@zen/deltas';
import { DiskError, replaceFile } from '@zen/disk';
import { ThinkerError } from '../request/thinker-error';
import type { DeltaId } from './delta-id';
import { deltaPath, listDeltas, makeTenantFolder } from './disk-folder';
import type { HostHold, Landing } from './host-tier';
import type { DeltaCopy } from './incoming-delta';
import { byteTier } from './tier-options';

const READ_BYTES = 2 ** 20;

export interface DiskEvents {
  evicted(): void;
  /** A file did not hold what its name says; it is gone. */
  corrupt(id: DeltaId, error: Error): void;
  /** Writing failed: the delta is only not kept here. */
  failed(error: Error): void;
}

/** What is done with a manifest that has been read: room is made for the rest. */
export type Bring = (manifest: Uint8Array) => Promise<Landing>;

/**
 * Deltas on the node's disk, shared with its other processes: whole files that appear by rename, verified whenever they
 * are read. A file that this process did not write is only used once the store has been asked about it (`confirm`).
 */
export class DiskTier {
  private readonly tier: Tier;
  private readonly ids = new Map<string, DeltaId>();
  private readonly confirmed = new Set<string>();
  /** One file is written at a time. */
  private writing: Promise<void> = Promise.resolve();
  private pending = 0;

  constructor(
    private readonly options: {
      folder: string;
      /** 0: nothing is kept. */
      bytes: number;
      nowMs(): number;
    },
    private readonly events: DiskEvents,
  ) {
    this.tier = new Tier(byteTier(options.bytes));
  }

  get used(): number {
    return this.tier.used;
  }

  get count(): number {
    return this.tier.count;
  }

  held(): DeltaId[] {
    return [...this.ids.values()];
  }

  /** Whether it is here and may be used. */
  has(key: string): boolean {
    return this.confirmed.has(key);
  }

  /** Looks at what is there: other processes bring files and take them away. */
  async scan(): Promise<void> {
    if (this.options.bytes === 0) return;
    await this.writing;
    const files = await listDeltas(this.options.folder, Date.now());
    const found = new Set(files.map(({ id }) => id.key));
    for (const key of [...this.ids.keys()]) if (!found.has(key)) this.forget(key);
    for (const { id, bytes } of files) {
      if (!this.ids.has(id.key) && !(await this.enter(id, bytes))) await this.remove(id);
    }
  }

  /** The store says that these may still be used. */
  confirm(ids: Iterable<DeltaId>): void {
    for (const { key } of ids) if (this.ids.has(key)) this.confirmed.add(key);
  }

  /** Reads it in; null where it is not here or turned out bad. */
  async read(id: DeltaId, bring: Bring): Promise<HostHold | null> {
    if (!this.has(id.key)) return null;
    let file: FileHandle;
    try {
      file = await open(deltaPath(this.options.folder, id));
    } catch (error) {
      this.forget(id.key);
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw DiskError.from(error, deltaPath(this.options.folder, id));
    }
    try {
      this.tier.use(id.key, this.options.nowMs());
      return await readInto(file, bring);
    } catch (error) {
      if (!isBad(error)) throw error;
      this.events.corrupt(id, error as Error);
      await this.drop(id);
      return null;
    } finally {
      await file.close();
    }
  }

  /** Keeps a copy, in the background; where that is behind, it is left out. */
  write(copy: DeltaCopy): void {
    if (this.options.bytes === 0 || this.ids.has(copy.id.key) || this.pending >= MOST_PENDING) return;
    this.pending++;
    this.writing = this.writing
      .then(() => this.store(copy))
      .catch((error: Error) => this.events.failed(error))
      .finally(() => this.pending--);
  }

  /** Removes it for all processes of the node. */
  async drop(id: DeltaId): Promise<void> {
    await this.writing;
    this.forget(id.key);
    await this.remove(id);
  }

  /** Resolves when nothing is being written. */
  async settle(): Promise<void> {
    await this.writing;
  }

  private async store({ id, manifest, manifestBytes, data }: DeltaCopy): Promise<void> {
    const header = headerBytes(manifestBytes, manifest);
    if (!(await this.enter(id, header.length + data.length))) return;
    try {
      await makeTenantFolder(this.options.folder, id.tenant);
      await replaceFile(deltaPath(this.options.folder, id), [header, data]);
      this.confirmed.add(id.key);
    } catch (error) {
      this.forget(id.key);
      throw error;
    }
  }

  /** Takes it into account, at the cost of others; false where it does not fit. */
  private async enter(id: DeltaId, bytes: number): Promise<boolean> {
    const nowMs = this.options.nowMs();
    const gone = this.tier.makeRoom(id.tenant, bytes, nowMs);
    if (gone === null) return false;
    this.tier.add({ key: id.key, tenant: id.tenant, size: bytes }, nowMs);
    this.ids.set(id.key, id);
    for (const { key } of gone) {
      const victim = this.ids.get(key);
      this.forget(key);
      this.events.evicted();
      if (victim) await this.remove(victim);
    }
    return true;
  }

  private forget(key: string): void {
    this.tier.remove(key);
    this.ids.delete(key);
    this.confirmed.delete(key);
  }

  private async remove(id: DeltaId): Promise<void> {
    await rm(deltaPath(this.options.folder, id), { force: true });
  }
}

/** Files that wait to be written: their copies stay in memory meanwhile. */
const MOST_PENDING = 64;

async function readInto(file: FileHandle, bring: Bring): Promise<HostHold> {
  const header = await readHeader(file);
  const landing = await bring(header.manifestBytes);
  const { incoming } = landing;
  try {
    let at = header.dataOffset;
    while (incoming.received < incoming.bytes) {
      const length = Math.min(READ_BYTES, incoming.bytes - incoming.received);
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
      if (bytesRead === 0) break;
      incoming.push(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    return landing.land();
  } finally {
    landing.cancel();
  }
}

async function readHeader(file: FileHandle): Promise<DeltaHeader> {
  const start = Buffer.alloc(8);
  if ((await file.read(start, 0, 8, 0)).bytesRead < 8) throw new DeltaError('truncated', 'no header');
  const bytes = Buffer.alloc(headerLength(start));
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  if (bytesRead < bytes.length) throw new DeltaError('truncated', 'the header is not whole');
  return parseHeader(bytes);
}

function isBad(error: unknown): boolean {
  if (error instanceof DeltaError) return true;
  if (error instanceof ThinkerError) return error.failure === 'delta_corrupt';
  // A sector that cannot be read.
  return (error as NodeJS.ErrnoException).code === 'EIO';
}
