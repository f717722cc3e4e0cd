import { isIP } from 'node:net';

/**
 * Gateways as one target of grpc-js: a name, which stands for all its addresses and is resolved again whenever a
 * connection ends, or addresses. Throws what is wrong with them.
 */
export function targetOf(gateways: string | readonly string[]): string {
  const all = typeof gateways === 'string' ? [gateways] : gateways;
  const [first] = all;
  if (first === undefined) throw new RangeError('gateways: at least one is needed');
  const families = new Set(all.map(familyOf));
  const [family] = families;
  if (family === 0) {
    if (all.length === 1) return `dns:///${first}`;
    throw new RangeError('gateways: one name with all their addresses, or addresses; not several names');
  }
  if (families.size > 1) throw new RangeError('gateways: addresses of one family, IPv4 or IPv6');
  return `ipv${family}:${all.join(',')}`;
}

function familyOf(gateway: string): number {
  const match = /^(?:\[([^\]]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(gateway);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65_535) throw new RangeError(`gateways: "${gateway}" is not host:port`);
  return isIP(match[1] ?? match[2] ?? '');
}
