/**
 * Which of `ids` is the home of `key` (rendezvous hashing): whoever knows the same ids finds the same one without
 * asking anybody, and when an id comes or goes only the keys that it gains or loses change their home. Undefined for
 * no ids.
 */
export function homeOf(key: string, ids: readonly string[]): string | undefined {
  let home: string | undefined;
  let most = -1;
  for (const id of ids) {
    const weight = mixed(`${key}\n${id}`);
    // By name where weights are equal, so that the order of the ids does not matter.
    if (weight < most || (weight === most && home !== undefined && id > home)) continue;
    most = weight;
    home = id;
  }
  return home;
}

/** 32 bits; FNV-1a, then MurmurHash3's last step, without which ids that differ in one digit would weigh alike. */
function mixed(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
