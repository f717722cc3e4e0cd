import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { ConfigError } from '@zen/config';
import { readServiceKey, ServiceTokens } from '@zen/service-token';
import type { Logger } from '@zen/telemetry';
import type { DeltaStoreConfig } from './config';

export interface Keys {
  masterKey: Buffer;
  /** Null: everybody is anonymous, and comes from this machine. */
  tokens: ServiceTokens | null;
}

/**
 * The secrets of this service. Without a service key it serves this machine alone, where a missing master key is made,
 * too; it would otherwise lie beside what it protects. Throws a ConfigError.
 */
export function openKeys(config: DeltaStoreConfig, logger: Logger): Keys {
  const { serviceKey, masterKey, storage, listen } = config;
  if (serviceKey !== undefined) {
    if (masterKey === undefined) throw new ConfigError('ZEN_MASTER_KEY: needed where ZEN_SERVICE_KEY is set');
    return {
      masterKey: readServiceKey(masterKey),
      tokens: new ServiceTokens(readServiceKey(serviceKey)),
    };
  }
  if (!isLoopback(listen)) {
    throw new ConfigError(`ZEN_SERVICE_KEY: needed where ZEN_LISTEN is not a loopback address (${listen})`);
  }
  logger.warn('no ZEN_SERVICE_KEY: everybody on this machine is the tenant "anonymous"');
  if (masterKey !== undefined) return { masterKey: readServiceKey(masterKey), tokens: null };
  if (storage.startsWith('s3://'))
    throw new ConfigError('ZEN_MASTER_KEY: needed where deltas are in a bucket');
  const path = join(storage, 'master.key');
  makeKey(storage, path);
  logger.warn({ path }, 'no ZEN_MASTER_KEY: the key lies beside what it protects');
  return { masterKey: readServiceKey(path), tokens: null };
}

/** A whole key or none, also where two processes make it at once. */
function makeKey(folder: string, path: string): void {
  mkdirSync(folder, { recursive: true });
  const own = `${path}.${randomBytes(8).toString('hex')}`;
  writeFileSync(own, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flush: true });
  try {
    linkSync(own, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(own);
  }
}

function isLoopback(listen: string): boolean {
  const host = listen.slice(0, listen.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
