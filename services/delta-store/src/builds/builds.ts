import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildSpec, StartBuildRequest } from '@zen/contracts';
import type { AuditLog } from '../audit/audit-log';
import { type Blobs, BlobWriter } from '../deltas/blobs';
import type { Page } from '../deltas/catalog';
import type { ObjectStore } from '../storage/object-store';
import { invalid, StoreError } from '../store-error';
import { type TenantSpace, type Tenants, timedName } from '../tenant/tenants';
import type { BuildQueue } from './build-queue';
import { type BuildRecord, type BuildRecords, buildId, checkSpec, hasEnded } from './build-record';

const MAX_CHUNK = 2 ** 20;
/** Of one tenant, that wait or run: each keeps its input on the disk. */
const MAX_OPEN = 16;
const WATCH_MS = 250;

export interface BuildsParts {
  objects: ObjectStore;
  tenants: Tenants;
  records: BuildRecords;
  blobs: Blobs;
  audit: AuditLog;
  queue: BuildQueue;
  /** Ladder folders by the base's name. */
  bases: ReadonlyMap<string, string>;
  maxBytes: number;
  nowMs: () => number;
}

/** Starts, shows and cancels builds; workers run them. */
export class Builds {
  constructor(private readonly parts: BuildsParts) {}

  /** The build of this input, begun where it was not, or ended without a delta. */
  async start(space: TenantSpace, messages: AsyncIterable<StartBuildRequest>): Promise<BuildRecord> {
    const { records, blobs, audit, queue, nowMs, bases } = this.parts;
    if ((await this.open(space)) >= MAX_OPEN) {
      throw new StoreError('quota', `quota of builds that wait or run: ${MAX_OPEN + 1}, limit ${MAX_OPEN}`);
    }
    const blob = timedName(nowMs());
    let kept = false;
    try {
      const { spec, bytes, sha256 } = await this.take(space, blob, messages);
      const checked = checkSpec(spec, bases);
      const id = buildId(checked, sha256);
      const fresh: BuildRecord = {
        id,
        spec: checked,
        blob,
        bytes,
        phase: 'waiting',
        progress: 0,
        detail: 'waiting for a worker',
        digest: null,
        attempts: 0,
      };
      await audit.add(space.tenant, { by: 'tenant', what: 'start-build', build: id, bytes });
      const record = (await records.change(space, id, (before) =>
        before === null || before.phase === 'failed' || before.phase === 'cancelled' ? fresh : null,
      ))!;
      kept = record.blob === blob;
      // Also where it waits already: a queue that was lost knows nothing of it.
      if (!hasEnded(record)) await queue.add({ tenant: space.tenant, id });
      return record;
    } finally {
      if (!kept) await blobs.remove(space, blob);
    }
  }

  async cancel(space: TenantSpace | null, id: string): Promise<BuildRecord> {
    const { records, audit } = this.parts;
    await records.require(space, id);
    await audit.add(space!.tenant, { by: 'tenant', what: 'cancel-build', build: id });
    const record = await records.change(space!, id, (before) =>
      !before || hasEnded(before) ? null : { ...before, phase: 'cancelled', detail: 'cancelled' },
    );
    if (record!.phase === 'cancelled') await this.parts.blobs.remove(space!, record!.blob);
    return record!;
  }

  /** The build now and after every change, until it has ended. */
  async *watch(tenant: string, id: string, signal: AbortSignal): AsyncGenerator<BuildRecord> {
    let last = '';
    while (!signal.aborted) {
      const record = await this.parts.records.require(await this.parts.tenants.find(tenant), id);
      const now = JSON.stringify(record);
      if (now !== last) yield record;
      last = now;
      if (hasEnded(record)) return;
      await sleep(WATCH_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** In the order of their ids. */
  async list(space: TenantSpace, after: string, limit: number): Promise<Page<BuildRecord>> {
    if (after !== '' && !/^[0-9a-f]{32}$/.test(after)) throw invalid('page_token', 'not one of this service');
    const ids = await this.ids(space, after, limit);
    const found = await Promise.all(ids.map((id) => this.parts.records.find(space, id)));
    return { items: found.filter((record) => record !== null), next: ids.length < limit ? '' : ids.at(-1)! };
  }

  /** Fills the queue with what waited or ran when the process, or the queue, ended. */
  async recover(): Promise<void> {
    for await (const { tenant } of this.parts.tenants.all()) {
      const space = await this.parts.tenants.find(tenant);
      for (const id of space ? await this.ids(space, '', Number.POSITIVE_INFINITY) : []) {
        const record = await this.parts.records.find(space!, id);
        if (record && !hasEnded(record)) await this.parts.queue.add({ tenant, id });
      }
    }
  }

  private async open(space: TenantSpace): Promise<number> {
    const ids = await this.ids(space, '', Number.POSITIVE_INFINITY);
    const records = await Promise.all(ids.map((id) => this.parts.records.find(space, id)));
    return records.filter((record) => record && !hasEnded(record)).length;
  }

  /** A build's register is several objects; each id once. */
  private async ids({ prefix }: TenantSpace, after: string, limit: number): Promise<string[]> {
    const folder = `${prefix}/builds/`;
    const ids: string[] = [];
    for (let last = after === '' ? '' : `${folder}${after}/~`; ids.length < limit; ) {
      const [name] = await this.parts.objects.list(folder, { after: last, limit: 1 });
      if (name === undefined) break;
      const id = name.slice(folder.length).split('/')[0]!;
      ids.push(id);
      last = `${folder}${id}/~`;
    }
    return ids;
  }

  private async take(space: TenantSpace, blob: string, messages: AsyncIterable<StartBuildRequest>) {
    const { blobs, bases, maxBytes } = this.parts;
    const writer = new BlobWriter(blobs, space, blob);
    const hash = createHash('sha256');
    const length = new FileLength();
    let spec: BuildSpec | undefined;
    let bytes = 0;
    for await (const { part } of messages) {
      if (part?.$case === 'spec') {
        if (spec) throw invalid('spec', 'came twice');
        spec = part.value;
        checkSpec(spec, bases);
        continue;
      }
      if (!spec) throw invalid('spec', 'must come first');
      const chunk = part?.value ?? Buffer.alloc(0);
      if (chunk.length === 0 || chunk.length > MAX_CHUNK) {
        throw invalid('chunk', `${chunk.length} bytes, must be 1 to ${MAX_CHUNK}`);
      }
      bytes += chunk.length;
      if (bytes > maxBytes) throw invalid('chunk', `more than ${maxBytes} bytes in all`);
      length.push(chunk);
      hash.update(chunk);
      await writer.push(chunk);
    }
    await writer.end();
    length.check(bytes);
    return { spec, bytes, sha256: hash.digest('hex') };
  }
}

const MAX_HEADER = 64 * 2 ** 20;

/** How long a safetensors file says that it is: the end of a stream alone does not tell a whole one from half of one. */
class FileLength {
  private start = Buffer.alloc(0);
  private headerBytes = -1;

  push(chunk: Uint8Array): void {
    if (this.headerBytes >= 0 && this.start.length >= 8 + this.headerBytes) return;
    this.start = Buffer.concat([this.start, chunk]);
    if (this.headerBytes >= 0 || this.start.length < 8) return;
    const length = this.start.readBigUInt64LE();
    if (length > BigInt(MAX_HEADER))
      throw invalid('chunk', `a header of ${length} bytes, at most ${MAX_HEADER}`);
    this.headerBytes = Number(length);
  }

  check(bytes: number): void {
    const end = 8 + this.headerBytes;
    if (this.headerBytes < 0 || bytes < end) throw invalid('chunk', 'ends inside the header of the file');
    let header: Record<string, { data_offsets?: unknown }>;
    try {
      header = JSON.parse(this.start.subarray(8, end).toString('utf8'));
    } catch {
      throw invalid('chunk', 'not a safetensors file: its header is not JSON');
    }
    const ends = Object.entries(header).flatMap(([name, value]) => {
      const offsets = value?.data_offsets;
      return name !== '__metadata__' && Array.isArray(offsets) ? [Number(offsets[1])] : [];
    });
    const whole = end + ends.reduce((most, each) => Math.max(most, each), 0);
    if (bytes !== whole) throw invalid('chunk', `${bytes} bytes in all, the file's header says ${whole}`);
  }
}
