import type { Band } from '@zen/admission';
import { parseServiceAddress } from '@zen/cluster';
import {
  address,
  bytes,
  type ConfigOf,
  duration,
  flag,
  integer,
  list,
  redisAddress,
  serviceSettings,
  tlsSettings,
} from '@zen/config';
import { z } from 'zod';
import type { Objectives } from './answer/wish';
import { parseModelsAddress } from './asleep/models-address';
import { parseFamilies } from './fleet/families';

const MIB = 2 ** 20;

export const settings = {
  listen: {
    env: 'ZEN_LISTEN',
    type: address().default('127.0.0.1:8080'),
    help: 'HTTP address',
    default: '127.0.0.1:8080',
  },
  grpcListen: {
    env: 'ZEN_GRPC_LISTEN',
    type: address().default('127.0.0.1:50050'),
    help: 'gRPC address',
    default: '127.0.0.1:50050',
  },
  thinkers: {
    env: 'ZEN_THINKERS',
    type: list(z.union([service(), models(), address()]))
      .refine(
        (entries) => entries.filter((entry) => parseModelsAddress(entry) !== undefined).length <= 1,
        'must name zenmodels:// once at most',
      )
      .default(['127.0.0.1:50051']),
    help: 'thinkers with commas between: host:port (a name stands for all its addresses), the endpoints of a Service: kubernetes://NAMESPACE/SERVICE:PORT, or those of all ZenModels of a namespace, which are listed while they sleep and woken by requests: zenmodels://NAMESPACE',
    default: '127.0.0.1:50051',
  },
  ...tlsSettings,
  tlsServerName: {
    env: 'ZEN_TLS_SERVER_NAME',
    type: z.string().max(253, 'must be a host name').optional(),
    help: "name in the thinkers' certificates (default: the host that is dialled)",
  },
  talkers: {
    env: 'ZEN_TALKERS',
    type: list(z.union([service(), address()])).default([]),
    help: 'talkers, which speak and listen, with commas between: host:port (a name stands for all its addresses) or kubernetes://NAMESPACE/SERVICE:PORT; without them speech is refused',
    default: 'none',
  },
  talkerServerName: {
    env: 'ZEN_TALKER_SERVER_NAME',
    type: z.string().max(253, 'must be a host name').optional(),
    help: "name in the talkers' certificates (default: the host that is dialled)",
  },
  families: {
    env: 'ZEN_FAMILIES',
    type: z
      .string()
      .transform((text, context) => {
        try {
          return parseFamilies(text);
        } catch (error) {
          context.addIssue({ code: 'custom', message: (error as Error).message });
          return z.NEVER;
        }
      })
      .default([]),
    help: 'models that answer for each other, NAME=MODEL[@WEIGHT],MODEL[@WEIGHT];…, the best one first',
    default: 'none',
  },
  apiKeys: {
    env: 'ZEN_API_KEYS',
    type: z.string().optional(),
    help: 'file or folder of API keys (see hash-key); with it every request needs one',
  },
  deltaStore: {
    env: 'ZEN_DELTA_STORE',
    type: address().optional(),
    help: 'the delta-store, host:port; without it requests that name a delta are refused (default none)',
  },
  serviceKey: {
    env: 'ZEN_SERVICE_KEY',
    type: z.string().optional(),
    help: 'file with the secret that the services share, 32 to 4,096 bytes; needed with ZEN_DELTA_STORE',
  },
  deltaTimeoutMs: {
    env: 'ZEN_DELTA_TIMEOUT',
    type: duration(10, 600_000).default(2000),
    help: 'longest time for the delta-store to say what a name stands for, repetitions included',
    default: '2s',
  },
  maxDeltaBytes: {
    env: 'ZEN_MAX_DELTA',
    type: bytes(1024, 1024 * 1024 * MIB).default(1024 * MIB),
    help: 'largest delta file that is taken at /v1/deltas',
    default: '1GiB',
  },
  maxBuildBytes: {
    env: 'ZEN_MAX_DELTA_BUILD',
    type: bytes(1024, 1024 * 1024 * MIB).default(16 * 1024 * MIB),
    help: 'largest fine-tuned model or adapter that is taken at /v1/deltas/builds',
    default: '16GiB',
  },
  artifacts: {
    env: 'ZEN_ARTIFACTS',
    type: list(z.string().min(1, 'must name folders')).default([]),
    help: 'folders of ladders to give away at /artifacts/NAME, with commas between',
    default: 'none',
  },
  allowAnonymous: {
    env: 'ZEN_ALLOW_ANONYMOUS',
    type: flag().default(false),
    help: 'serve without keys on an address that is not loopback',
    default: 'false',
  },
  corsOrigins: {
    env: 'ZEN_CORS_ORIGINS',
    type: list(
      z.string().regex(/^https?:\/\/[^/\s]+$/, 'must be an origin such as https://example.org'),
    ).default([]),
    help: 'origins whose pages may call, with commas between',
    default: 'none',
  },
  web: {
    env: 'ZEN_WEB',
    type: z.enum(['on', 'off'], 'must be on or off').default('on'),
    help: 'serve the web page at /; it holds no key and calls the API like any client',
    default: 'on',
  },
  maxBodyBytes: {
    env: 'ZEN_MAX_BODY',
    type: bytes(1024, 256 * MIB).default(12 * MIB),
    help: 'largest request body',
    default: '12MiB',
  },
  maxAudioBytes: {
    env: 'ZEN_MAX_AUDIO',
    type: bytes(1024, 1024 * MIB).default(25 * MIB),
    help: 'largest file of speech that is taken at /v1/audio/transcriptions and translations',
    default: '25MiB',
  },
  maxUploadsBytes: {
    env: 'ZEN_MAX_AUDIO_HELD',
    type: bytes(1024, 64 * 1024 * MIB).default(256 * MIB),
    help: 'bytes of such files that are held at once',
    default: '256MiB',
  },
  maxHeaderBytes: {
    env: 'ZEN_MAX_HEADERS',
    type: bytes(1024, MIB).default(16 * 1024),
    help: 'largest set of request headers',
    default: '16KiB',
  },
  maxMessages: {
    env: 'ZEN_MAX_MESSAGES',
    type: integer(1, 1e6).default(2048),
    help: 'most messages in a chat',
    default: '2048',
  },
  ttftMs: {
    env: 'ZEN_TTFT',
    type: duration(1, 600_000).default(1000),
    help: 'objective: time to the first token',
    default: '1s',
  },
  tpotMs: {
    env: 'ZEN_TPOT',
    type: duration(1, 600_000).default(100),
    help: 'objective: time between tokens',
    default: '100ms',
  },
  interactiveTtftMs: {
    env: 'ZEN_TTFT_INTERACTIVE',
    type: duration(1, 600_000).optional(),
    help: 'the same for requests of priority interactive (default ZEN_TTFT)',
  },
  interactiveTpotMs: {
    env: 'ZEN_TPOT_INTERACTIVE',
    type: duration(1, 600_000).optional(),
    help: 'the same for requests of priority interactive (default ZEN_TPOT)',
  },
  batchTtftMs: {
    env: 'ZEN_TTFT_BATCH',
    type: duration(1, 6_000_000).optional(),
    help: 'the same for requests of priority batch (default 10 times ZEN_TTFT)',
  },
  batchTpotMs: {
    env: 'ZEN_TPOT_BATCH',
    type: duration(1, 6_000_000).optional(),
    help: 'the same for requests of priority batch (default 10 times ZEN_TPOT)',
  },
  dwellMs: {
    env: 'ZEN_STAGE_DWELL',
    type: duration(2000, 600_000).default(2000),
    help: 'shortest time between two changes of the level of a class of requests',
    default: '2s',
  },
  maxQueueMs: {
    env: 'ZEN_MAX_QUEUE',
    type: duration(0, 3_600_000).default(30_000),
    help: 'longest wait for a replica, predicted (at the lowest stage) or real, before a request is refused',
    default: '30s',
  },
  interactiveWaitMs: {
    env: 'ZEN_ADMISSION_WAIT_INTERACTIVE',
    type: duration(0, 3_600_000).optional(),
    help: 'the same for requests of priority interactive (default ZEN_MAX_QUEUE)',
  },
  batchWaitMs: {
    env: 'ZEN_ADMISSION_WAIT_BATCH',
    type: duration(0, 36_000_000).optional(),
    help: 'the same for requests of priority batch (default 10 times ZEN_MAX_QUEUE)',
  },
  tenantSeries: {
    env: 'ZEN_ADMISSION_TENANT_SERIES',
    type: integer(0, 10_000).default(0),
    help: 'tenants named in /metrics, which needs no key; all others count as "other"',
    default: '0',
  },
  redis: {
    env: 'ZEN_REDIS',
    type: redisAddress().optional(),
    help: 'Redis where several gateways keep the limits of keys together, redis:// or rediss:// (default none)',
  },
  redisPassword: {
    env: 'ZEN_REDIS_PASSWORD',
    type: z.string().optional(),
    help: 'its password',
  },
  redisCa: {
    env: 'ZEN_REDIS_CA',
    type: z.string().optional(),
    help: 'PEM file of the authority that signed its certificate (default those that the system knows)',
  },
  redisTimeoutMs: {
    env: 'ZEN_REDIS_TIMEOUT',
    type: duration(1, 60_000).default(50),
    help: 'longest wait for one answer of it; then this gateway decides alone',
    default: '50ms',
  },
  leaseMs: {
    env: 'ZEN_ADMISSION_LEASE',
    type: duration(300, 600_000).default(30_000),
    help: 'after this the places of a gateway that died count as free in Redis',
    default: '30s',
  },
  maxWaiting: {
    env: 'ZEN_ADMISSION_WAITING',
    type: integer(0, 1_000_000).default(1024),
    help: 'requests of each priority that wait here while every replica is full; a tenant gets a part of them',
    default: '1024',
  },
  maxWaitingBytes: {
    env: 'ZEN_ADMISSION_BYTES',
    type: bytes(0, 64 * 1024 * MIB).default(64 * MIB),
    help: 'prompt bytes that they hold for each priority',
    default: '64MiB',
  },
  requestTimeoutMs: {
    env: 'ZEN_REQUEST_TIMEOUT',
    type: duration(1000).default(600_000),
    help: 'longest time for one answer',
    default: '10m',
  },
  resume: {
    env: 'ZEN_RESUME',
    type: z.enum(['on', 'off'], 'must be on or off').default('on'),
    help: 'answers go on at another thinker when theirs fails, and at another gateway by a resume token',
    default: 'on',
  },
  resumeMoves: {
    env: 'ZEN_RESUME_MOVES',
    type: integer(1, 1000).default(8),
    help: 'times that one answer goes on at another thinker at most',
    default: '8',
  },
  resumeWaitMs: {
    env: 'ZEN_RESUME_WAIT',
    type: duration(0, 3_600_000).default(30_000),
    help: 'how long an answer that lost its thinker waits for another',
    default: '30s',
  },
  resumeTokens: {
    env: 'ZEN_RESUME_TOKENS',
    type: integer(1, 2 ** 24).default(32_768),
    help: 'longest answer that can go on elsewhere, tokens; 8 bytes of memory for each',
    default: '32768',
  },
  resumeKey: {
    env: 'ZEN_RESUME_KEY',
    type: z.string().min(16, 'must have at least 16 characters').max(4096).optional(),
    help: 'secret that gateways share to take each other’s resume tokens (default none: only their own process does)',
  },
  realtimeSessions: {
    env: 'ZEN_REALTIME_SESSIONS',
    type: integer(0, 100_000).default(256),
    help: 'Realtime sessions at once; 0 serves none',
    default: '256',
  },
  realtimeSessionMs: {
    env: 'ZEN_REALTIME_SESSION',
    type: duration(1000, 86_400_000).default(3_600_000),
    help: 'longest Realtime session',
    default: '1h',
  },
  realtimeEventBytes: {
    env: 'ZEN_REALTIME_EVENT',
    type: bytes(1024, 64 * MIB).default(4 * MIB),
    help: 'largest event of a Realtime client',
    default: '4MiB',
  },
  realtimeResumeMs: {
    env: 'ZEN_REALTIME_RESUME',
    type: duration(0, 600_000).default(30_000),
    help: 'how long a Realtime session waits for a client whose connection dropped; 0 ends it with the connection',
    default: '30s',
  },
  realtimeKeptBytes: {
    env: 'ZEN_REALTIME_KEPT',
    type: bytes(0, 1024 * MIB).default(4 * MIB),
    help: 'sent events of one Realtime session that are kept to be sent again over its next connection',
    default: '4MiB',
  },
  realtimeHeardBytes: {
    env: 'ZEN_REALTIME_HEARD',
    type: bytes(0, 1024 * MIB).default(4 * MIB),
    help: 'audio of one Realtime session without a transcript yet that is kept for another talker where its own is lost, 48 kB a second; a longer utterance is lost with it',
    default: '4MiB',
  },
  realtimeMinStage: {
    env: 'ZEN_REALTIME_MIN_STAGE',
    type: integer(0, 4).default(0),
    help: 'lowest stage that answers in a Realtime session that names no floor of its own',
    default: '0',
  },
  realtimeHeartbeatMs: {
    env: 'ZEN_REALTIME_HEARTBEAT',
    type: duration(100, 600_000).default(15_000),
    help: 'time between two pings; a connection that has not answered the last one is given up',
    default: '15s',
  },
  stallMs: {
    env: 'ZEN_STALL_TIMEOUT',
    type: duration(100).default(120_000),
    help: 'a reader that takes nothing for this long is cut off',
    default: '2m',
  },
  connectionAgeMs: {
    env: 'ZEN_CONNECTION_AGE',
    type: duration(1000).optional(),
    help: 'a gRPC connection is told to go after this, so that clients behind a load balancer spread anew; answers on it end by themselves (default never)',
  },
  watchIntervalMs: {
    env: 'ZEN_WATCH_INTERVAL',
    type: duration(50, 60_000).default(100),
    help: 'how often a thinker reports its load at most',
    default: '100ms',
  },
  ...serviceSettings,
};

/** `kubernetes://NAMESPACE/SERVICE:PORT`, see `parseServiceAddress`. */
function service() {
  return z
    .string()
    .refine(
      (text) => parseServiceAddress(text) !== undefined,
      'must be host:port or kubernetes://NAMESPACE/SERVICE:PORT',
    );
}

/** `zenmodels://NAMESPACE`, see `parseModelsAddress`. */
function models() {
  return z.string().refine((text) => parseModelsAddress(text) !== undefined, 'must be zenmodels://NAMESPACE');
}

export type GatewayConfig = ConfigOf<typeof settings>;

/** Whoever waits for a batch waits longer for its first token, and reads it later anyway. */
const BATCH_FACTOR = 10;

/** The objective of each priority. Where none is set, interactive requests have that of the others. */
export function objectivesOf(config: GatewayConfig): Objectives {
  const { ttftMs, tpotMs } = config;
  return {
    normal: { ttftMs, tpotMs },
    interactive: {
      ttftMs: config.interactiveTtftMs ?? ttftMs,
      tpotMs: config.interactiveTpotMs ?? tpotMs,
    },
    batch: {
      ttftMs: config.batchTtftMs ?? BATCH_FACTOR * ttftMs,
      tpotMs: config.batchTpotMs ?? BATCH_FACTOR * tpotMs,
    },
  };
}

/** How long a request of each priority may wait for a replica, milliseconds. */
export function waitsOf(config: GatewayConfig): Record<Band, number> {
  const { maxQueueMs } = config;
  return {
    normal: maxQueueMs,
    interactive: config.interactiveWaitMs ?? maxQueueMs,
    batch: config.batchWaitMs ?? BATCH_FACTOR * maxQueueMs,
  };
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/** Whether only this machine can reach an address. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.test(hostOf(address));
}

export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':'));
}

export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
