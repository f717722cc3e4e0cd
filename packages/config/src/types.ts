import { z } from 'zod';

/** Value types that the environment spells as text. Each refusal says what would be right. */

const UNITS: Record<string, number> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/** "512MiB", "2GiB", "1000000": whole bytes. */
export function bytes(min = 0, max = Number.MAX_SAFE_INTEGER) {
  return z.string().transform((text, context) => {
    const match = /^(\d+(?:\.\d+)?)\s*(k|m|g|t|ki|mi|gi|ti)?b?$/i.exec(text);
    const value = match
      ? Math.floor(Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] ?? 1))
      : Number.NaN;
    if (value >= min && value <= max) return value;
    context.addIssue({ code: 'custom', message: `must be a size such as 512MiB, ${min} to ${max} bytes` });
    return z.NEVER;
  });
}

const BANDWIDTH_UNITS: Record<string, number> = {
  bit: 1 / 8,
  kbit: 1e3 / 8,
  mbit: 1e6 / 8,
  gbit: 1e9 / 8,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};
/** Bytes per second. Below it nothing useful arrives; far above any link. */
const MIN_BANDWIDTH = 1024;
const MAX_BANDWIDTH = 1e12;

/**
 * "20mbit", "2.5MB", "512KiB", each with or without "/s": bytes per second, or null for anything else. Bits are
 * spelled out and bytes have a capital B, because "20mb" could be either.
 */
export function parseBandwidth(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+?)(?:\/s)?$/.exec(text.trim());
  if (!match) return null;
  const [, number, name = ''] = match;
  const unit = BANDWIDTH_UNITS[/bit$/i.test(name) ? name.toLowerCase() : name];
  const value = unit === undefined ? Number.NaN : Number(number) * unit;
  return value >= MIN_BANDWIDTH && value <= MAX_BANDWIDTH ? Math.floor(value) : null;
}

/** Bytes per second, see `parseBandwidth`. */
export function bandwidth() {
  return z.string().transform((text, context) => {
    const value = parseBandwidth(text);
    if (value !== null) return value;
    context.addIssue({ code: 'custom', message: 'must be a bandwidth such as 20mbit or 2.5MB' });
    return z.NEVER;
  });
}

const DURATIONS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** "250ms", "30s", "5m": milliseconds. */
export function duration(minMs = 0, maxMs = 24 * 3_600_000) {
  return z.string().transform((text, context) => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
    const value = match ? Number(match[1]) * (DURATIONS[match[2] ?? ''] ?? 1) : Number.NaN;
    if (value >= minMs && value <= maxMs) return value;
    context.addIssue({ code: 'custom', message: `must be a duration such as 30s, ${minMs} to ${maxMs} ms` });
    return z.NEVER;
  });
}

export function integer(min: number, max: number) {
  return z.string().transform((text, context) => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    context.addIssue({ code: 'custom', message: `must be a whole number, ${min} to ${max}` });
    return z.NEVER;
  });
}

/** "true" or "false". */
export function flag() {
  return z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true');
}

/** "host:port"; an IPv6 host in brackets. */
export function address() {
  return z.string().transform((text, context) => {
    const match = /^(\[[0-9a-f:]+\]|[^\s:[\]/]+):(\d{1,5})$/i.exec(text);
    if (match && Number(match[2]) <= 65_535) return text;
    context.addIssue({ code: 'custom', message: 'must be host:port, with a port of 0 to 65535' });
    return z.NEVER;
  });
}

/** Comma-separated, without empty entries. */
export function list<T>(entry: z.ZodType<T, string>) {
  return z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(entry));
}

/** `redis://[USER@]HOST[:PORT][/DATABASE]`; a password in it would be shown by whatever shows the environment. */
export function redisAddress() {
  return z.string().refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const known = url && /^rediss?:$/.test(url.protocol) && url.hostname !== '' && url.search === '';
    return known && url.password === '' && /^(\/\d{0,3})?$/.test(url.pathname);
  }, 'must be redis://[USER@]HOST[:PORT][/DATABASE] or rediss://…, the password in ZEN_REDIS_PASSWORD');
}
