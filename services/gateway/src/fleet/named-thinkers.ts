import { setTimeout as pause } from 'node:timers/promises';
import { resolveAddresses } from './resolve-addresses';
import type { ThinkerSource } from './thinker-source';

/** Thinkers by address or by name; names are resolved again and again. */
export function namedThinkers(
  entries: readonly string[],
  everyMs: number,
  onUnresolved: (name: string, reason: string) => void,
): ThinkerSource {
  return {
    async follow(onSet, signal) {
      let known: readonly string[] = [];
      while (!signal.aborted) {
        const { addresses, failures } = await resolveAddresses(entries);
        for (const { name, reason } of failures) onUnresolved(name, reason);
        // While a name does not resolve, its replicas are kept: they may be well, and only the resolver is not.
        known = failures.length === 0 ? addresses : [...new Set([...known, ...addresses])];
        if (!signal.aborted) onSet(known);
        await pause(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
    },
  };
}
