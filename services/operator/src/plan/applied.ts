import { createHash } from 'node:crypto';
import { APPLIED } from '../resource/group';
import type { KubeObject } from '../resource/kube-object';

/** The object with the digest of itself among its annotations. */
export function marked(object: KubeObject): KubeObject {
  const digest = createHash('sha256').update(JSON.stringify(object)).digest('hex').slice(0, 16);
  const annotations = { ...object.metadata.annotations, [APPLIED]: digest };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/**
 * Whether what is there is what is wanted: every field, and the digest among the annotations, which differs where a
 * field is no longer wanted. Where the server spells a value otherwise it is applied once more, which changes nothing.
 */
export function isApplied(there: KubeObject, wanted: KubeObject): boolean {
  return includes(there, wanted);
}

/** Every field of `part` is in `whole` with its value; lists are compared item by item and have equally many. */
function includes(whole: unknown, part: unknown): boolean {
  if (part === undefined) return true;
  if (Array.isArray(part)) {
    if (!Array.isArray(whole) || whole.length !== part.length) return false;
    return part.every((item, at) => includes(whole[at], item));
  }
  if (typeof part === 'object' && part !== null) {
    if (typeof whole !== 'object' || whole === null) return Object.keys(part).length === 0;
    return Object.entries(part).every(([key, value]) =>
      includes((whole as Record<string, unknown>)[key], value),
    );
  }
  return whole === part;
}
