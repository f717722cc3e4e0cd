import { setTimeout as pause } from 'node:timers/promises';
import type { Endpoint, EndpointSource } from './endpoint-source';
import { resolveAddresses } from './resolve-addresses';

/** Endpoints by address or by name, one machine for each host; names are resolved again and again. */
export function namedEndpoints(
  entries: readonly string[],
  everyMs: number,
  onUnresolved: (name: string, reason: string) => void,
): EndpointSource {
  return {
    async follow(onSet, signal) {
      let known: readonly string[] = [];
      while (!signal.aborted) {
        const { addresses, failures } = await resolveAddresses(entries);
        for (const { name, reason } of failures) onUnresolved(name, reason);
        // While a name does not resolve, its endpoints are kept: they may be well, and only the resolver is not.
        known = failures.length === 0 ? addresses : [...new Set([...known, ...addresses])];
        if (!signal.aborted) onSet(known.map(named));
        await pause(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
    },
  };
}

function named(address: string): Endpoint {
  return { address, node: address.slice(0, address.lastIndexOf(':')), zone: '' };
}
