import type { ListenStart, SpeakStart } from '@zen/contracts';
import { invalid } from '../talker-error';

const MAX_NAME_BYTES = 256;

/** Names that a caller gives its call. */
export function checkNames({
  requestId,
  tenant,
}: Pick<SpeakStart & ListenStart, 'requestId' | 'tenant'>): void {
  for (const [field, value] of [
    ['request_id', requestId],
    ['tenant', tenant],
  ] as const) {
    const bytes = Buffer.byteLength(value);
    if (bytes > MAX_NAME_BYTES) throw invalid(field, `${bytes} bytes, limit ${MAX_NAME_BYTES}`);
  }
}
