import { AudioError } from './audio-error';
import { checkChannels, checkRate } from './audio-format';
import { SAMPLE_CODES, type SampleCode } from './samples';

export interface WavFormat {
  sampleRate: number;
  channels: number;
  code: SampleCode;
}

const EXTENSIBLE = 0xfffe;
const EXTENSIBLE_BYTES = 40;
/** What follows the tag in the GUID of a format that has a tag. */
const GUID_TAIL = '000000001000800000aa00389b71';

/** By format tag and bits of a sample. */
const CODES: Readonly<Record<string, SampleCode>> = {
  '1/8': SAMPLE_CODES.u8,
  '1/16': SAMPLE_CODES.s16,
  '1/24': SAMPLE_CODES.s24,
  '1/32': SAMPLE_CODES.s32,
  '3/32': SAMPLE_CODES.f32,
  '3/64': SAMPLE_CODES.f64,
  '6/8': SAMPLE_CODES.alaw,
  '7/8': SAMPLE_CODES.mulaw,
};

/**
 * The `fmt ` chunk, at least 16 bytes.
 * @throws AudioError
 */
export function parseWavFormat(chunk: Uint8Array): WavFormat {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const tag = view.getUint16(0, true);
  const channels = view.getUint16(2, true);
  const sampleRate = view.getUint32(4, true);
  const block = view.getUint16(12, true);
  const bits = view.getUint16(14, true);
  const known = tag === EXTENSIBLE ? innerTag(chunk, view) : tag;
  const code = CODES[`${known}/${bits}`];
  if (!code) throw new AudioError('unsupported', `fmt: format ${known} of ${bits} bits`);
  checkChannels('fmt.channels', channels);
  checkRate('fmt.sample_rate', sampleRate);
  if (block !== code.bytes * channels) {
    throw new AudioError('malformed', `fmt.block_align: ${block}, expected ${code.bytes * channels}`);
  }
  return { sampleRate, channels, code };
}

function innerTag(chunk: Uint8Array, view: DataView): number {
  if (chunk.length < EXTENSIBLE_BYTES) {
    throw new AudioError(
      'malformed',
      `fmt: ${chunk.length} bytes, an extensible one has ${EXTENSIBLE_BYTES}`,
    );
  }
  const tail = Buffer.from(chunk.subarray(26, EXTENSIBLE_BYTES)).toString('hex');
  if (tail !== GUID_TAIL) throw new AudioError('unsupported', 'fmt.sub_format: not a known one');
  return view.getUint16(24, true);
}
