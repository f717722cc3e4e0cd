import { createHash, randomBytes } from 'node:crypto';
import { ExpertFloor, Priority } from '@zen/contracts';
import { EXPERT_FLOORS } from '../answer/expert-floor';
import { isUserRule } from '../deltas/user-rule';
import { DELTA_RIGHTS, type Tenant } from './tenant';

/**
 * One line of a key file: `sha256:HEX tenant=NAME [rpm=N] [tpm=N] [streams=N] [weight=N] [min-stage=N] [ttft-ms=N]
 * [tpot-ms=N] [priority=batch|normal|interactive] [expert-floor=exact|stand-in|without]
 * [deltas=none|use|publish|admin] [user-delta=ALIAS] [artifact-rpm=N] [artifact-bpm=N]`, where ALIAS holds `{user}`.
 * What is fetched from /artifacts counts against the last two alone: requests and bytes a minute. `#` starts a comment.
 *
 * A plain SHA-256 is enough at rest because a key is not a password: it carries at least 128 bits of chance, so
 * there is nothing to guess, and a slow hash would only slow every request down.
 */
export interface KeyEntry {
  digest: Buffer;
  tenant: Tenant;
}

export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/** Shorter keys than this cannot carry 128 bits of chance (22 characters of base64, with room for a prefix). */
export const MIN_KEY_LENGTH = 24;
export const MAX_KEY_LENGTH = 512;

const PRIORITIES: Record<string, Priority> = {
  batch: Priority.PRIORITY_BATCH,
  normal: Priority.PRIORITY_NORMAL,
  interactive: Priority.PRIORITY_INTERACTIVE,
};

const NUMBERS: Record<string, [min: number, max: number]> = {
  rpm: [1, 1e9],
  tpm: [1, 1e12],
  streams: [1, 1e6],
  weight: [1, 100],
  'min-stage': [0, 4],
  'ttft-ms': [1, 600_000],
  'tpot-ms': [1, 600_000],
  'artifact-rpm': [1, 1e9],
  'artifact-bpm': [1, 1e15],
};

const WORDS = new Set(['tenant', 'priority', 'expert-floor', 'deltas', 'user-delta']);

export function digestOf(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest();
}

/** A new key: 256 bits of chance. */
export function newKey(): string {
  return `zen_${randomBytes(32).toString('base64url')}`;
}

/** Parses a key file; `where` names it in errors, which never quote the line. */
export function parseKeys(text: string, where: string): KeyEntry[] {
  const entries: KeyEntry[] = [];
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.replace(/(^|\s)#.*$/, '').trim();
    if (line !== '') entries.push(parseEntry(line, `${where}:${at + 1}`));
  }
  return entries;
}

function parseEntry(line: string, where: string): KeyEntry {
  const [hash = '', ...words] = line.split(/\s+/);
  const hex = /^sha256:([0-9a-f]{64})$/.exec(hash)?.[1];
  if (!hex) throw new KeyFileError(`${where}: a line starts with sha256: and 64 lower-case hex digits`);
  const fields = new Map<string, string>();
  for (const word of words) {
    const equals = word.indexOf('=');
    const name = word.slice(0, equals);
    if (equals < 1 || !(WORDS.has(name) || Object.hasOwn(NUMBERS, name))) {
      throw new KeyFileError(`${where}: "${equals < 1 ? word : name}" is not a field`);
    }
    if (fields.has(name)) throw new KeyFileError(`${where}: ${name} is given twice`);
    fields.set(name, word.slice(equals + 1));
  }
  return { digest: Buffer.from(hex, 'hex'), tenant: tenantOf(fields, hex, where) };
}

function tenantOf(fields: Map<string, string>, keyId: string, where: string): Tenant {
  const name = fields.get('tenant') ?? '';
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
    throw new KeyFileError(`${where}: tenant is 1 to 64 letters, digits, dots, dashes and underscores`);
  }
  const number = (field: string): number | null => {
    const text = fields.get(field);
    if (text === undefined) return null;
    const [min, max] = NUMBERS[field] ?? [0, 0];
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new KeyFileError(`${where}: ${field} is a whole number from ${min} to ${max}, not "${text}"`);
  };
  const priority = PRIORITIES[fields.get('priority') ?? 'interactive'];
  if (priority === undefined) throw new KeyFileError(`${where}: priority is batch, normal or interactive`);
  const floor = fields.get('expert-floor');
  if (floor !== undefined && !Object.hasOwn(EXPERT_FLOORS, floor)) {
    throw new KeyFileError(`${where}: expert-floor is ${Object.keys(EXPERT_FLOORS).join(', ')}`);
  }
  const expertFloor = EXPERT_FLOORS[floor ?? ''] ?? ExpertFloor.EXPERT_FLOOR_UNSPECIFIED;
  const deltas = DELTA_RIGHTS.find((right) => right === (fields.get('deltas') ?? 'use'));
  if (deltas === undefined) throw new KeyFileError(`${where}: deltas is ${DELTA_RIGHTS.join(', ')}`);
  const userDelta = fields.get('user-delta') ?? null;
  if (userDelta !== null && !isUserRule(userDelta)) {
    const rule = 'an alias of at most 128 characters with {user} in it once, such as users/{user}';
    throw new KeyFileError(`${where}: user-delta is ${rule}`);
  }
  if (userDelta !== null && deltas === 'none') {
    throw new KeyFileError(`${where}: user-delta chooses deltas, which deltas=none forbids`);
  }
  const ttftMs = number('ttft-ms');
  const tpotMs = number('tpot-ms');
  return {
    name,
    keyId,
    requestsPerMinute: number('rpm'),
    tokensPerMinute: number('tpm'),
    streams: number('streams'),
    artifactRequestsPerMinute: number('artifact-rpm'),
    artifactBytesPerMinute: number('artifact-bpm'),
    weight: number('weight') ?? 1,
    minStage: number('min-stage') ?? 0,
    objective: { ...(ttftMs === null ? {} : { ttftMs }), ...(tpotMs === null ? {} : { tpotMs }) },
    expertFloor,
    priority,
    deltas,
    userDelta,
  };
}
