import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

export interface Resolution {
  addresses: string[];
  /** Names that could not be resolved now, with the reason. */
  failures: { name: string; reason: string }[];
}

/**
 * `host:port` entries to one entry per endpoint: a name with several addresses (a headless service) stands for
 * several thinkers. An entry that is an address already stays as it is.
 */
export async function resolveAddresses(entries: readonly string[]): Promise<Resolution> {
  const found = new Set<string>();
  const failures: Resolution['failures'] = [];
  for (const entry of entries) {
    const colon = entry.lastIndexOf(':');
    const host = entry.slice(0, colon).replace(/^\[|\]$/g, '');
    const port = entry.slice(colon + 1);
    if (isIP(host) !== 0) {
      found.add(entry);
      continue;
    }
    try {
      const all = await lookup(host, { all: true });
      // One machine often has both families under one name; taking one of them avoids counting a thinker twice.
      const family = all.some((one) => one.family === 4) ? 4 : 6;
      for (const { address } of all.filter((one) => one.family === family)) {
        found.add(family === 4 ? `${address}:${port}` : `[${address}]:${port}`);
      }
    } catch (error) {
      failures.push({ name: host, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { addresses: [...found], failures };
}
