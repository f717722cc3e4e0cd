import { AudioError } from './audio-error';
import { ByteQueue } from './byte-queue';
import { oggChecksum } from './ogg-checksum';

export interface OggPage {
  /** Its first packet goes on from the page before. */
  continued: boolean;
  first: boolean;
  last: boolean;
  /** Samples (at 48 kHz for Opus) up to the end of its last whole packet; -1 where no packet ends on it. */
  granule: bigint;
  serial: number;
  /** Parts of packets; all but the last end here, and the last too unless `open`. */
  packets: Uint8Array[];
  open: boolean;
}

const HEAD_BYTES = 27;

/** Pages out of bytes that are cut anywhere; a page has at most 65,307 of them. */
export class OggPages {
  private readonly queue = new ByteQueue();

  *push(bytes: Uint8Array): Generator<OggPage> {
    this.queue.push(bytes);
    for (;;) {
      const page = this.next();
      if (!page) return;
      yield page;
    }
  }

  /** @throws AudioError truncated where the last page is not whole */
  end(): void {
    if (this.queue.length > 0) throw new AudioError('truncated', 'ogg: ends within a page');
  }

  private next(): OggPage | undefined {
    const { queue } = this;
    if (queue.length < HEAD_BYTES) return undefined;
    const head = queue.peek(HEAD_BYTES);
    if (Buffer.from(head.subarray(0, 4)).toString('latin1') !== 'OggS') {
      throw new AudioError('malformed', 'ogg: no page where one should begin');
    }
    if (head[4] !== 0) throw new AudioError('unsupported', `ogg.version: ${head[4]}, only 0`);
    const segments = head[26] as number;
    if (queue.length < HEAD_BYTES + segments) return undefined;
    const lacing = queue.peek(HEAD_BYTES + segments).subarray(HEAD_BYTES);
    const bytes = HEAD_BYTES + segments + lacing.reduce((sum, length) => sum + length, 0);
    if (queue.length < bytes) return undefined;
    return parsePage(Uint8Array.from(queue.take(bytes)), segments);
  }
}

function parsePage(page: Uint8Array, segments: number): OggPage {
  const view = new DataView(page.buffer);
  const checksum = view.getUint32(22, true);
  view.setUint32(22, 0, true);
  if (oggChecksum(page) !== checksum)
    throw new AudioError('malformed', 'ogg: the checksum of a page is wrong');
  const flags = view.getUint8(5);
  const packets: Uint8Array[] = [];
  let at = HEAD_BYTES + segments;
  let start = at;
  let open = false;
  for (const length of page.subarray(HEAD_BYTES, HEAD_BYTES + segments)) {
    at += length;
    open = length === 255;
    if (open) continue;
    packets.push(page.subarray(start, at));
    start = at;
  }
  if (open) packets.push(page.subarray(start, at));
  return {
    continued: (flags & 1) !== 0,
    first: (flags & 2) !== 0,
    last: (flags & 4) !== 0,
    granule: view.getBigInt64(6, true),
    serial: view.getUint32(14, true),
    packets,
    open,
  };
}
