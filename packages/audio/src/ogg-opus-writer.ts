import { oggChecksum } from './ogg-checksum';
import { OpusEncoder } from './opus-codec';
import { OPUS_RATE } from './opus-head';
import { toInt16 } from './samples';

/** Rates that Opus takes as they are, hertz. */
export const OPUS_INPUT_RATES: readonly number[] = [8000, 12_000, 16_000, 24_000, 48_000];

const FRAME_MS = 20;
/** Frames of a page: a listener gets a tenth of a second at a time. */
const PAGE_FRAMES = 5;
/** Of opus_defines.h. */
const SET_BITRATE = 4002;
const GET_LOOKAHEAD = 4027;
/** Clear speech at the rates that voices have. */
const BITS_PER_SECOND = 32_000;
const FIRST = 2;
const LAST = 4;
/** One stream in a file needs no name of its own. */
const SERIAL = 0x5a_65_6e;
const VENDOR = 'zen';

/** Ogg Opus as it is made: mono, a page for each tenth of a second. */
export class OggOpusWriter {
  private readonly encoder: OpusEncoder;
  private readonly frameSamples: number;
  private readonly scale: number;
  /** At 48 kHz: what the encoder is behind. */
  private readonly preSkip: number;
  private rest = new Int16Array(0);
  private taken = 0;
  private frames = 0;
  private pages = 0;
  private packets: Uint8Array[] = [];

  /** @param sampleRate one of OPUS_INPUT_RATES */
  constructor(private readonly sampleRate: number) {
    this.encoder = new OpusEncoder({ channels: 1, sample_rate: sampleRate, application: 'audio' });
    this.encoder.ctl(SET_BITRATE, BITS_PER_SECOND);
    this.frameSamples = (sampleRate * FRAME_MS) / 1000;
    this.scale = OPUS_RATE / sampleRate;
    this.preSkip = this.encoder.ctl(GET_LOOKAHEAD) * this.scale;
  }

  /** What comes before all sound. */
  head(): Uint8Array {
    const head = Buffer.alloc(19);
    head.write('OpusHead', 'latin1');
    head[8] = 1;
    head[9] = 1;
    head.writeUInt16LE(this.preSkip, 10);
    head.writeUInt32LE(this.sampleRate, 12);
    const tags = Buffer.alloc(16 + VENDOR.length);
    tags.write('OpusTags', 'latin1');
    tags.writeUInt32LE(VENDOR.length, 8);
    tags.write(VENDOR, 12, 'latin1');
    return Buffer.concat([this.page([head], 0n, FIRST), this.page([tags], 0n, 0)]);
  }

  push(samples: Float32Array): Uint8Array {
    const ints = toInt16(samples);
    this.taken += ints.length;
    const all = new Int16Array(this.rest.length + ints.length);
    all.set(this.rest);
    all.set(ints, this.rest.length);
    const whole = all.length - (all.length % this.frameSamples);
    const pages: Uint8Array[] = [];
    for (let at = 0; at < whole; at += this.frameSamples) {
      // The last page is the end's to write: it says how long all was.
      if (this.packets.length === PAGE_FRAMES) pages.push(this.soundPage());
      this.encode(all.subarray(at, at + this.frameSamples));
    }
    this.rest = all.slice(whole);
    return Buffer.concat(pages);
  }

  end(): Uint8Array {
    const pages: Uint8Array[] = [];
    const total = this.preSkip + this.taken * this.scale;
    // Silence after the sound pushes out what the encoder still holds.
    while (this.frames * this.frameSamples * this.scale < total) {
      if (this.packets.length === PAGE_FRAMES) pages.push(this.soundPage());
      const frame = new Int16Array(this.frameSamples);
      frame.set(this.rest);
      this.rest = new Int16Array(0);
      this.encode(frame);
    }
    pages.push(this.page(this.packets, BigInt(total), LAST));
    this.close();
    return Buffer.concat(pages);
  }

  /** Frees the encoder. */
  close(): void {
    this.encoder.drop();
  }

  private encode(frame: Int16Array): void {
    this.packets.push(this.encoder.encode(new Uint8Array(frame.buffer, frame.byteOffset, frame.byteLength)));
    this.frames++;
  }

  private soundPage(): Uint8Array {
    const { packets } = this;
    this.packets = [];
    return this.page(packets, BigInt(this.frames * this.frameSamples * this.scale), 0);
  }

  private page(packets: readonly Uint8Array[], granule: bigint, flags: number): Uint8Array {
    const lacing = packets.flatMap(({ length }) => [
      ...Array(Math.floor(length / 255)).fill(255),
      length % 255,
    ]);
    const head = Buffer.alloc(27);
    head.write('OggS', 'latin1');
    head[5] = flags;
    head.writeBigInt64LE(granule, 6);
    head.writeUInt32LE(SERIAL, 14);
    head.writeUInt32LE(this.pages++, 18);
    head[26] = lacing.length;
    const page = Buffer.concat([head, Buffer.from(lacing), ...packets]);
    page.writeUInt32LE(oggChecksum(page), 22);
    return page;
  }
}
