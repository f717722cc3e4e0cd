import type { RpcError } from '@zen/rpc';

/** Whether another talker, or the same at another moment, may do better. */
export function goesOn({ code }: RpcError): boolean {
  switch (code) {
    case 'UNAVAILABLE':
    case 'UNKNOWN':
    case 'ABORTED':
    case 'INTERNAL':
    case 'DATA_LOSS':
    case 'RESOURCE_EXHAUSTED':
    // Ours would have been seen before.
    case 'CANCELLED':
      return true;
    default:
      return false;
  }
}

/** Talkers that one recording may have taken with it before nobody else is given it. */
export const MOST_FRUITLESS = 3;

/** Whether what it was given may be what ended it: a talker that was full or is leaving says so. */
export function mayKill({ code, metadata }: RpcError): boolean {
  return code !== 'RESOURCE_EXHAUSTED' && metadata['x-zen-failure'] === undefined;
}
