import {
  address,
  bytes,
  type ConfigOf,
  duration,
  integer,
  list,
  redisAddress,
  rpcServerSettings,
  serviceSettings,
} from '@zen/config';
import { z } from 'zod';

/** A base's name and its ladder's folder. */
function base() {
  return z.string().transform((text, context): [string, string] => {
    const match = /^([A-Za-z0-9][A-Za-z0-9._-]{0,63})=(.+)$/.exec(text);
    if (match) return [match[1]!, match[2]!];
    context.addIssue({ code: 'custom', message: 'must be NAME=FOLDER' });
    return z.NEVER;
  });
}

export const settings = {
  storage: {
    env: 'ZEN_DELTA_STORAGE',
    type: z.string('must name a folder or s3://bucket/prefix').min(1),
    help: 'where deltas are kept: a folder (hard links needed), or s3://bucket/prefix (AWS_* as usual)',
  },
  masterKey: {
    env: 'ZEN_MASTER_KEY',
    type: z.string().optional(),
    help: "file with the key that wraps the tenants' keys, 32 bytes or more (without ZEN_SERVICE_KEY: made beside the storage)",
  },
  serviceKey: {
    env: 'ZEN_SERVICE_KEY',
    type: z.string().optional(),
    help: 'file with the secret that signs the tokens of services, 32 bytes or more; without it everybody on this machine is the tenant "anonymous", and nobody else can connect',
  },
  listen: {
    env: 'ZEN_LISTEN',
    type: address().default('127.0.0.1:50061'),
    help: 'gRPC address',
    default: '127.0.0.1:50061',
  },
  ...rpcServerSettings,
  quotaBytes: {
    env: 'ZEN_DELTA_QUOTA_BYTES',
    type: bytes(1, 2 ** 50).default(10 * 2 ** 30),
    help: 'bytes of deltas that a tenant may have',
    default: '10GiB',
  },
  quotaVersions: {
    env: 'ZEN_DELTA_QUOTA_VERSIONS',
    type: integer(1, 10_000_000).default(100_000),
    help: 'deltas that a tenant may have',
    default: '100000',
  },
  quotaPublishes: {
    env: 'ZEN_DELTA_QUOTA_PUBLISHES',
    type: integer(1, 1_000_000).default(600),
    help: 'deltas that a tenant may publish in a minute',
    default: '600',
  },
  graceMs: {
    env: 'ZEN_DELTA_GRACE',
    type: duration(0, 365 * 24 * 3_600_000).default(7 * 24 * 3_600_000),
    help: 'how long a delta stays that no alias points at and no replica holds',
    default: '168h',
  },
  leaseMs: {
    env: 'ZEN_DELTA_LEASE',
    type: duration(1000, 3_600_000).default(60_000),
    help: 'how long a replica is believed to hold what it has named; what is erased is gone from all of them after this',
    default: '60s',
  },
  collectMs: {
    env: 'ZEN_DELTA_COLLECT',
    type: duration(0, 24 * 3_600_000).default(3_600_000),
    help: 'time between two collections of garbage; 0s: only when it is asked for',
    default: '1h',
  },
  bases: {
    env: 'ZEN_DELTA_BASES',
    type: list(base()).optional(),
    help: 'bases that builds may name, as NAME=FOLDER of a ladder, comma-separated (default none: no builds)',
  },
  buildBytes: {
    env: 'ZEN_DELTA_BUILD_BYTES',
    type: bytes(1, 2 ** 42).default(16 * 2 ** 30),
    help: 'largest fine-tuned model or adapter that a build takes in',
    default: '16GiB',
  },
  redis: {
    env: 'ZEN_REDIS',
    type: redisAddress().optional(),
    help: 'Redis where several delta-stores share their builds, redis:// or rediss:// (default none: each runs its own)',
  },
  redisPassword: { env: 'ZEN_REDIS_PASSWORD', type: z.string().optional(), help: 'its password' },
  redisCa: {
    env: 'ZEN_REDIS_CA',
    type: z.string().optional(),
    help: 'PEM file of the authority that signed its certificate (default those that the system knows)',
  },
  connectionAgeMs: {
    env: 'ZEN_CONNECTION_AGE',
    type: duration(1000).optional(),
    help: 'a gRPC connection is told to go after this, so that gateways and thinkers spread over several stores; calls on it end by themselves (default never)',
  },
  ...stopping(),
};

/** `ZEN_GRACE` is the shutdown's; here `graceMs` is that of deltas. */
function stopping() {
  const { graceMs: stopGraceMs, ...others } = serviceSettings;
  return { stopGraceMs, ...others };
}

export type DeltaStoreConfig = ConfigOf<typeof settings>;
