import {
  checkBase,
  DataCheck,
  DeltaError,
  type DeltaManifest,
  type DeltaModel,
  deltaDigest,
  deltaParts,
  parseManifest,
} from '@zen/deltas';
import type { DeltaPart } from '@zen/engine';
import { ThinkerError } from '../request/thinker-error';
import type { DeltaId } from './delta-id';

/** What deltas are laid over. */
export interface DeltaBase {
  /** `sha256:<hex>` of the base's tensors. */
  digest: string;
  model: DeltaModel;
}

/** A delta in memory, verified. */
export interface DeltaCopy {
  id: DeltaId;
  manifest: DeltaManifest;
  /** Canonical JSON. */
  manifestBytes: Uint8Array;
  data: Uint8Array;
  /** Views of `data`. */
  parts: DeltaPart[];
}

/**
 * A delta on its way into memory, the manifest first. Everything is verified here, once: that these are the bytes which
 * the digest names, that they belong to the base, shapes, and that numbers are finite. Nothing is on the switch path.
 */
export class IncomingDelta {
  readonly manifest: DeltaManifest;
  private readonly check: DataCheck;
  private data = Buffer.alloc(0);
  private filled = 0;

  /** Throws a ThinkerError where this is not the delta, or not for this base. */
  constructor(
    readonly id: DeltaId,
    private readonly manifestBytes: Uint8Array,
    base: DeltaBase,
  ) {
    if (deltaDigest(manifestBytes) !== id.digest) {
      throw new ThinkerError('delta_corrupt', `delta ${id.digest}: its manifest has another digest`);
    }
    this.manifest = this.naming('delta_corrupt', () => parseManifest(manifestBytes));
    this.naming('delta_wrong_base', () => checkBase(this.manifest, base.digest, base.model));
    this.check = new DataCheck(this.manifest);
  }

  /** Bytes of data in all. */
  get bytes(): number {
    return this.manifest.data.bytes;
  }

  /** Bytes of data that are here: what a transfer that was cut goes on from. */
  get received(): number {
    return this.filled;
  }

  push(chunk: Uint8Array): void {
    // Memory is taken when the first bytes come: there is room by then.
    if (this.filled === 0) this.data = Buffer.allocUnsafeSlow(this.bytes);
    this.naming('delta_corrupt', () => this.check.push(chunk));
    this.data.set(chunk, this.filled);
    this.filled += chunk.byteLength;
  }

  end(): DeltaCopy {
    this.naming('delta_corrupt', () => this.check.end());
    const { id, manifest, manifestBytes, data } = this;
    return { id, manifest, manifestBytes, data, parts: deltaParts(manifest, data) };
  }

  /** The format's refusals under a name that callers see. */
  private naming<T>(failure: 'delta_corrupt' | 'delta_wrong_base', read: () => T): T {
    try {
      return read();
    } catch (cause) {
      if (!(cause instanceof DeltaError)) throw cause;
      throw new ThinkerError(failure, `delta ${this.id.digest}: ${cause.message}`, { cause });
    }
  }
}
