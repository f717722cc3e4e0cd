import { createHash } from 'node:crypto';

/**
 * The id of a call, the same whichever gateway gives the answer or goes on with it: of what was asked, the seed and the
 * call's place. So calls of one conversation differ, whose every turn asks something else.
 */
export function callId(requestDigest: Uint8Array, seed: bigint, index: number): string {
  const hash = createHash('sha256').update(requestDigest).update(`${seed} ${index}`).digest('base64url');
  return `call_${hash.replace(/[-_]/g, '').slice(0, 24)}`;
}
