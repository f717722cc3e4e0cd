import { DataCheck } from './data-check';
import { DeltaError } from './delta-error';
import { type DeltaHeader, headerLength, parseHeader } from './delta-header';
import { MAX_DATA_BYTES } from './manifest';

export interface DeltaLimits {
  /** Most bytes of data. */
  dataBytes?: number;
  /** The id that the delta must have. Without it another id is as good: only the data are sure to be those named. */
  digest?: string;
}

/** Checks a delta file that comes in pieces, from its first byte on; throws a DeltaError at the first thing wrong. */
export class DeltaCheck {
  /** Known once the header is there. */
  header: DeltaHeader | null = null;
  private start = Buffer.alloc(0);
  private data: DataCheck | null = null;

  constructor(private readonly limits: DeltaLimits = {}) {}

  push(chunk: Uint8Array): void {
    if (this.data !== null) {
      this.data.push(chunk);
      return;
    }
    // The header is small, so putting it together again with every piece costs little.
    this.start = Buffer.concat([this.start, chunk]);
    if (this.start.length < 8) return;
    const length = headerLength(this.start);
    if (this.start.length < length) return;
    const header = parseHeader(this.start.subarray(0, length));
    const { bytes } = header.manifest.data;
    const { dataBytes = MAX_DATA_BYTES, digest = header.digest } = this.limits;
    if (bytes > dataBytes) throw new DeltaError('too-large', `${bytes} bytes of data, at most ${dataBytes}`);
    if (header.digest !== digest) {
      throw new DeltaError('digest-mismatch', `the delta is ${header.digest}, must be ${digest}`);
    }
    this.header = header;
    this.data = new DataCheck(header.manifest);
    this.data.push(this.start.subarray(length));
    this.start = Buffer.alloc(0);
  }

  end(): DeltaHeader {
    if (this.header === null || this.data === null) {
      throw new DeltaError('truncated', `${this.start.length} bytes are less than a header`);
    }
    this.data.end();
    return this.header;
  }
}
