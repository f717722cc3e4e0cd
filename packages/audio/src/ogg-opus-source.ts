import type { Pieces, SampleSource } from './audio-decoder';
import { AudioError } from './audio-error';
import { type OggPage, OggPages } from './ogg-pages';
import { OpusDecoder } from './opus-codec';
import { MOST_PACKET_BYTES, OPUS_RATE, type OpusHead, packetSamples, parseOpusHead } from './opus-head';
import { fromPcm } from './samples';

/** Comments may hold a picture. */
const MOST_COMMENT_BYTES = 2 ** 24;

/** One Opus stream in Ogg; pages of other streams are passed over. It is as long as its last page says. */
export class OggOpusSource implements SampleSource {
  readonly sampleRate = OPUS_RATE;
  private readonly pages = new OggPages();
  private serial: number | undefined;
  private head: OpusHead | undefined;
  private decoder: OpusDecoder | undefined;
  private hasComments = false;
  private commentBytes = 0;
  /** Of a packet that goes on with the next page; null between packets. */
  private open: Uint8Array | null = null;
  private toSkip = 0;
  /** Granule position of the next sample; undefined before the first page of sound. */
  private position: bigint | undefined;
  private ended = false;

  *push(bytes: Uint8Array): Generator<Float32Array> {
    for (const page of this.pages.push(bytes)) yield* this.page(page);
  }

  end(): Pieces {
    this.pages.end();
    if (!this.hasComments) throw new AudioError('truncated', 'opus: ends within its headers');
    if (!this.ended) throw new AudioError('truncated', 'ogg: ends before its last page');
    return [];
  }

  close(): void {
    this.decoder?.drop();
    this.decoder = undefined;
  }

  private *page(page: OggPage): Generator<Float32Array> {
    if (this.serial === undefined) return this.begin(page);
    if (page.first && this.ended)
      throw new AudioError('unsupported', 'ogg: several streams, one after the other');
    if (page.serial !== this.serial || this.ended) return;
    if (page.continued !== (this.open !== null)) {
      throw new AudioError('malformed', 'ogg: a packet that goes on has no beginning or no end');
    }
    this.ended = page.last;
    if (!this.hasComments) return this.comments(page);
    yield* this.sound(this.whole(page), page);
  }

  private begin(page: OggPage): void {
    const [packet] = page.packets;
    if (!page.first || !packet || page.open || page.packets.length !== 1) {
      throw new AudioError('malformed', 'ogg: the first page must hold the first header alone');
    }
    this.head = parseOpusHead(packet);
    this.serial = page.serial;
    this.toSkip = this.head.preSkip;
    // It mixes both channels to one.
    this.decoder = new OpusDecoder({ channels: 1, sample_rate: OPUS_RATE });
  }

  /** They are not kept. Their packet ends its page. */
  private comments(page: OggPage): void {
    const bytes = page.packets.reduce((sum, part) => sum + part.length, 0);
    this.commentBytes += bytes;
    if (this.commentBytes > MOST_COMMENT_BYTES) {
      throw new AudioError('malformed', `opus.comments: more than ${MOST_COMMENT_BYTES} bytes`);
    }
    const start = Buffer.from(page.packets[0]?.subarray(0, 8) ?? []).toString('latin1');
    if (this.open === null && start !== 'OpusTags') {
      throw new AudioError('malformed', 'opus: no comments after its head');
    }
    this.open = page.open ? new Uint8Array(0) : null;
    this.hasComments = !page.open;
  }

  /** The packets that end on a page. */
  private whole(page: OggPage): Uint8Array[] {
    const packets = page.packets.map((part, i) => (i === 0 && this.open ? joined(this.open, part) : part));
    const tooLarge = packets.find((packet) => packet.length > MOST_PACKET_BYTES);
    if (tooLarge) throw new AudioError('malformed', `opus: a packet of more than ${MOST_PACKET_BYTES} bytes`);
    this.open = page.open ? (packets.pop() ?? null) : null;
    return packets;
  }

  private *sound(packets: readonly Uint8Array[], { last, granule }: OggPage): Generator<Float32Array> {
    const lengths = packets.map(packetSamples);
    const total = lengths.reduce((sum, length) => sum + length, 0);
    // A recording of something that ran already begins late; one that ends on its first page may end early.
    if (this.position === undefined && granule >= 0n) {
      const before = granule - BigInt(total);
      this.position = last && before < 0n ? 0n : before;
      if (this.position < 0n) throw new AudioError('malformed', 'ogg.granule: before the beginning');
    }
    const left = last && granule >= 0n ? Number(granule - (this.position ?? 0n)) : Number.POSITIVE_INFINITY;
    if (left < 0) throw new AudioError('malformed', 'ogg.granule: goes back');
    this.position = (this.position ?? 0n) + BigInt(total);
    let given = 0;
    for (const packet of packets) {
      const samples = this.decode(packet);
      const end = Math.max(0, Math.min(samples.length, left - given));
      given += samples.length;
      const from = Math.min(this.toSkip, end);
      this.toSkip -= Math.min(this.toSkip, samples.length);
      if (end > from) yield samples.subarray(from, end);
    }
  }

  private decode(packet: Uint8Array): Float32Array {
    const { decoder, head } = this;
    if (!decoder || !head) throw new Error('the decoder is closed');
    let pcm: Uint8Array;
    try {
      pcm = decoder.decode(packet);
    } catch (error) {
      throw new AudioError('malformed', `opus: ${(error as Error).message}`, { cause: error });
    }
    const samples = fromPcm(pcm);
    return head.gain === 1 ? samples : samples.map((sample) => Math.max(-1, Math.min(1, sample * head.gain)));
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
