import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { StoreError } from '../store-error';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/**
 * Encrypts what one tenant owns, AES-256-GCM. Each delta's data have a key of their own, derived from the tenant's
 * and the blob's random name, so that a segment's number can be its nonce. What a ciphertext stands for is bound to
 * it: one that is moved to another place, or comes from another delta, does not open.
 */
export class TenantCipher {
  private readonly recordKey: Buffer;

  /** `key`: 32 random bytes. */
  constructor(private readonly key: Buffer) {
    this.recordKey = derive(key, 'record', '');
  }

  static newKey(): Buffer {
    return randomBytes(KEY_BYTES);
  }

  /** Names a key without telling anything of it. */
  get fingerprint(): string {
    return createHash('sha256').update('zen.delta.key/1').update(this.key).digest('hex').slice(0, 32);
  }

  /** A small value that stands at `place`. */
  sealRecord(place: string, plain: Uint8Array): Buffer {
    return seal(this.recordKey, place, plain);
  }

  openRecord(place: string, sealed: Uint8Array): Buffer {
    return open(this.recordKey, place, sealed);
  }

  /** Segment `index` of a blob's data. */
  sealSegment(blob: string, index: number, plain: Uint8Array): Buffer {
    const cipher = createCipheriv('aes-256-gcm', this.blobKey(blob), segmentNonce(index));
    cipher.setAAD(Buffer.from(`${blob} ${index}`));
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  openSegment(blob: string, index: number, sealed: Uint8Array): Buffer {
    const at = sealed.byteLength - TAG_BYTES;
    if (at < 0) throw corrupt(`segment ${index}`);
    const decipher = createDecipheriv('aes-256-gcm', this.blobKey(blob), segmentNonce(index));
    decipher.setAAD(Buffer.from(`${blob} ${index}`));
    decipher.setAuthTag(sealed.subarray(at));
    return finish(decipher, sealed.subarray(0, at), `segment ${index}`);
  }

  private blobKey(blob: string): Buffer {
    return derive(this.key, 'blob', blob);
  }
}

/** Nonce, tag and ciphertext; `place` is bound to it. */
export function seal(key: Buffer, place: string, plain: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(place));
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]);
}

/** What `seal` has sealed; throws a StoreError `corrupt` for anything else. */
export function open(key: Buffer, place: string, sealed: Uint8Array): Buffer {
  if (sealed.byteLength < NONCE_BYTES + TAG_BYTES) throw corrupt(place);
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(place));
  decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  return finish(decipher, sealed.subarray(NONCE_BYTES + TAG_BYTES), place);
}

export function derive(key: Buffer, purpose: string, salt: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, `zen.delta.${purpose}/1`, KEY_BYTES));
}

function finish(decipher: ReturnType<typeof createDecipheriv>, text: Uint8Array, what: string): Buffer {
  try {
    return Buffer.concat([decipher.update(text), decipher.final()]);
  } catch (cause) {
    throw new StoreError('corrupt', `${what}: its bytes are not those that were stored`, { cause });
  }
}

function corrupt(what: string): StoreError {
  return new StoreError('corrupt', `${what}: its bytes are not those that were stored`);
}

function segmentNonce(index: number): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32BE(index, NONCE_BYTES - 4);
  return nonce;
}
