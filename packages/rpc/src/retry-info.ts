import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';

/** The trailer in which gRPC carries a google.rpc.Status with details. */
export const STATUS_DETAILS = 'grpc-status-details-bin';

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

/** A google.rpc.Status whose one detail is a google.rpc.RetryInfo; `delayMs` is at least 0. */
export function encodeRetryInfo(code: number, message: string, delayMs: number): Buffer {
  const seconds = Math.floor(delayMs / 1000);
  const nanos = Math.round((delayMs - seconds * 1000) * 1e6);
  const status = new BinaryWriter().uint32(8).int32(code).uint32(18).string(message);
  const any = status.uint32(26).fork().uint32(10).string(RETRY_INFO).uint32(18).fork();
  const duration = any.uint32(10).fork();
  if (seconds > 0) duration.uint32(8).int64(seconds);
  if (nanos > 0) duration.uint32(16).int32(nanos);
  return Buffer.from(duration.join().join().join().finish());
}

/** The delay of the first RetryInfo in a google.rpc.Status, milliseconds; null where there is none. */
export function decodeRetryInfo(bytes: Uint8Array): number | null {
  try {
    for (const detail of fieldsOf(bytes, 3)) {
      const [type] = fieldsOf(detail, 1);
      const [value] = fieldsOf(detail, 2);
      if (!type || Buffer.from(type).toString() !== RETRY_INFO || !value) continue;
      const [duration] = fieldsOf(value, 1);
      return duration ? millisOf(duration) : null;
    }
  } catch {
    // What a server says wrongly about an error hides the error itself from nobody.
  }
  return null;
}

/** Every length-delimited field of that number. */
function fieldsOf(bytes: Uint8Array, number: number): Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === number && wire === 2) found.push(reader.bytes());
    else reader.skip(wire, field);
  }
  return found;
}

function millisOf(duration: Uint8Array): number {
  const reader = new BinaryReader(duration);
  let ms = 0;
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1) ms += Number(reader.int64()) * 1000;
    else if (field === 2) ms += reader.int32() / 1e6;
    else reader.skip(wire, field);
  }
  return ms;
}
