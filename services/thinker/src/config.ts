import { availableParallelism } from 'node:os';
import { DEFAULT_LIMITS, type Limits } from '@zen/batching';
import {
  address,
  bandwidth,
  bytes,
  type ConfigOf,
  duration,
  integer,
  rpcServerSettings,
  serviceSettings,
} from '@zen/config';
import { z } from 'zod';

const GIB = 2 ** 30;

export const settings = {
  ladder: {
    env: 'ZEN_LADDER',
    type: z.string('must name a folder or an address').min(1),
    help: 'the ladder to serve: a folder (made by zen pack), or an oci, http(s), s3 or file address (zen push)',
  },
  home: {
    env: 'ZEN_HOME',
    type: z.string().optional(),
    help: 'where fetched ladders are kept, shared by all processes of the node (default ~/.cache/zen)',
  },
  cacheBytes: {
    env: 'ZEN_CACHE_BYTES',
    type: bytes(0, 2 ** 50).optional(),
    help: 'bytes of fetched ladders and sources that are kept; the longest unused go, none that is in use (default all)',
  },
  strategy: {
    env: 'ZEN_STRATEGY',
    type: z
      .enum(['aggressive', 'balanced', 'conservative'], 'must be aggressive, balanced or conservative')
      .default('balanced'),
    help: 'how hard a download pulls: aggressive, balanced or conservative',
    default: 'balanced',
  },
  bandwidth: {
    env: 'ZEN_BANDWIDTH',
    type: bandwidth().optional(),
    help: 'limit of the download, such as 20mbit or 2MiB (a second; default none)',
  },
  scrubRate: {
    env: 'ZEN_SCRUB_RATE',
    type: bytes(0, 2 ** 40).default(8 * 2 ** 20),
    help: 'bytes that are checked in a second, of the attached stages and of deltas in memory each; 0 turns that off',
    default: '8MiB',
  },
  listen: {
    env: 'ZEN_LISTEN',
    type: address().default('127.0.0.1:50051'),
    help: 'gRPC address',
    default: '127.0.0.1:50051',
  },
  ...rpcServerSettings,
  threads: {
    env: 'ZEN_THREADS',
    type: integer(1, 256).default(availableParallelism()),
    help: 'threads of the engine',
    default: 'all cores',
  },
  kvBytes: {
    env: 'ZEN_KV_BYTES',
    type: bytes(2 ** 20, 2 ** 42).default(GIB),
    help: 'memory of the KV cache',
    default: '1GiB',
  },
  kvType: {
    env: 'ZEN_KV_TYPE',
    type: z.enum(['f16', 'int8'], 'must be f16 or int8').default('f16'),
    help: 'numbers in the KV cache, f16 or int8',
    default: 'f16',
  },
  contextTokens: {
    env: 'ZEN_CONTEXT_TOKENS',
    type: integer(16, 2 ** 24).default(8192),
    help: 'longest prompt and answer together, at most what the model has',
    default: '8192',
  },
  promptBytes: {
    env: 'ZEN_PROMPT_BYTES',
    type: bytes(1, 64 * 2 ** 20).optional(),
    help: 'longest prompt text (default 32 bytes per token of context, at least 64KiB)',
  },
  messageBytes: {
    env: 'ZEN_MESSAGE_BYTES',
    type: bytes(2 ** 16, 2 ** 30).default(64 * 2 ** 20),
    help: 'largest request; a prompt of embeddings takes 4 bytes for each number',
    default: '64MiB',
  },
  stepTokens: {
    env: 'ZEN_STEP_TOKENS',
    type: integer(2, 65_536).default(DEFAULT_LIMITS.stepTokens),
    help: 'tokens computed in one step at most',
    default: String(DEFAULT_LIMITS.stepTokens),
  },
  maxRunning: {
    env: 'ZEN_MAX_RUNNING',
    type: integer(1, 4096).default(DEFAULT_LIMITS.maxRunning),
    help: 'sequences computed at once',
    default: String(DEFAULT_LIMITS.maxRunning),
  },
  maxWaiting: {
    env: 'ZEN_MAX_WAITING',
    type: integer(0, 65_536).default(DEFAULT_LIMITS.maxWaiting),
    help: 'requests that wait beyond those',
    default: String(DEFAULT_LIMITS.maxWaiting),
  },
  maxUnread: {
    env: 'ZEN_MAX_UNREAD',
    type: integer(1, 65_536).default(DEFAULT_LIMITS.maxUnread),
    help: 'tokens that a client may leave unread before its answer pauses',
    default: String(DEFAULT_LIMITS.maxUnread),
  },
  stallMs: {
    env: 'ZEN_STALL_TIMEOUT',
    type: duration(100).default(DEFAULT_LIMITS.stallUs / 1000),
    help: 'a paused answer ends after this',
    default: '60s',
  },
  mixedStepMs: {
    env: 'ZEN_MIXED_STEP',
    type: duration(1, 60_000).default(DEFAULT_LIMITS.mixedStepUs / 1000),
    help: 'target for a step that computes prompts beside running answers',
    default: '100ms',
  },
  speculation: {
    env: 'ZEN_SPECULATION',
    type: z
      .enum(['auto', 'off', 'prompt-lookup', 'stage'], 'must be auto, off, prompt-lookup or stage')
      .default(DEFAULT_LIMITS.speculation),
    help: 'who drafts tokens where that is faster: auto, off, prompt-lookup or stage',
    default: DEFAULT_LIMITS.speculation,
  },
  deltaStore: {
    env: 'ZEN_DELTA_STORE',
    type: address().optional(),
    help: 'the delta-store, host:port; without it this replica takes no deltas',
  },
  serviceKey: {
    env: 'ZEN_SERVICE_KEY',
    type: z.string().optional(),
    help: 'file with the secret of service tokens that all services share, at least 32 bytes; goes with ZEN_DELTA_STORE',
  },
  deltaSlots: {
    env: 'ZEN_DELTA_SLOTS',
    type: integer(0, 65_536).default(16),
    help: 'places in the engine for small deltas',
    default: '16',
  },
  deltaSlotBytes: {
    env: 'ZEN_DELTA_SLOT_BYTES',
    type: bytes(0, 2 ** 31 - 1).default(2 ** 20),
    help: 'memory of each of them; what is larger takes a dense one',
    default: '1MiB',
  },
  denseSlots: {
    env: 'ZEN_DENSE_SLOTS',
    type: integer(0, 4096).default(0),
    help: 'places for deltas over all linear weights (dense1), each of about a fourteenth of the bf16 weights',
    default: '0',
  },
  deltaTenantSlots: {
    env: 'ZEN_DELTA_TENANT_SLOTS',
    type: integer(1, 65_536).optional(),
    help: 'places of a kind that one tenant may take at most (default all)',
  },
  deltaWaitMs: {
    env: 'ZEN_DELTA_WAIT',
    type: duration(0, 600_000).default(10_000),
    help: 'longest wait for a place while all are in use',
    default: '10s',
  },
  deltaHostBytes: {
    env: 'ZEN_DELTA_HOST_BYTES',
    type: bytes(2 ** 16, 2 ** 42).default(256 * 2 ** 20),
    help: 'memory for deltas that are in no slot or may come back to one',
    default: '256MiB',
  },
  deltaDiskBytes: {
    env: 'ZEN_DELTA_DISK_BYTES',
    type: bytes(0, 2 ** 46).default(GIB),
    help: 'disk for deltas, in $ZEN_HOME/deltas, shared by all processes of the node; 0 for none',
    default: '1GiB',
  },
  expertRouter: {
    env: 'ZEN_EXPERT_ROUTER',
    type: address().optional(),
    help: "the expert-router of a mixture's experts, host:port; without it all experts are computed here",
  },
  expertStandIn: {
    env: 'ZEN_EXPERT_STAND_IN',
    type: integer(-1, 4).default(0),
    help: 'highest stage at which experts are kept here too when ZEN_EXPERT_ROUTER is set, to stand in for pods that are away; -1 for none',
    default: '0',
  },
  expertHedge: {
    env: 'ZEN_EXPERT_HEDGE',
    type: z
      .union(
        [z.literal('off').transform(() => null), integer(50, 99)],
        'must be off or a whole number, 50 to 99',
      )
      .default(95),
    help: 'percentile of the time of calls to expert pods after which a replica is asked too; off for never',
    default: '95',
  },
  expertTimeoutMs: {
    env: 'ZEN_EXPERT_TIMEOUT',
    type: duration(10, 600_000).default(2000),
    help: 'a call to an expert pod fails after this, and a pod that says nothing for so long counts as gone',
    default: '2s',
  },
  expertCaps: {
    env: 'ZEN_EXPERT_CAPS',
    type: bytes(0, 2 ** 46).optional(),
    help: 'memory for the experts of a mixture: those that are chosen less are computed at lower stages so that all fit, whatever the stage of the answer (default: off)',
  },
  expertRouterServerName: {
    env: 'ZEN_EXPERT_ROUTER_SERVER_NAME',
    type: z.string().max(253, 'must be a host name').optional(),
    help: "name in the expert-router's certificate (default: the host of ZEN_EXPERT_ROUTER)",
  },
  expertServerName: {
    env: 'ZEN_EXPERT_SERVER_NAME',
    type: z.string().max(253, 'must be a host name').optional(),
    help: "name in the expert pods' certificates (default: the host that is dialled)",
  },
  ...serviceSettings,
};

export type ThinkerConfig = ConfigOf<typeof settings>;

/** The scheduler's limits; `contextTokens` is the model's, bounded by the setting. */
export function limitsOf(config: ThinkerConfig, contextTokens: number): Limits {
  return {
    contextTokens,
    // Half of a step is kept for prompts, however many answers run.
    stepTokens: Math.max(config.stepTokens, 2 * config.maxRunning),
    maxRunning: config.maxRunning,
    maxWaiting: config.maxWaiting,
    maxUnread: config.maxUnread,
    stallUs: config.stallMs * 1000,
    ageingUs: DEFAULT_LIMITS.ageingUs,
    mixedStepUs: config.mixedStepMs * 1000,
    speculation: config.speculation,
  };
}

/**
 * Bytes of prompt text that are read at all: 32 for each token of context (ordinary text has 3 to 5), at least
 * 64 KiB. Tokenizing the worst text takes about a millisecond per KiB, and everything waits meanwhile.
 */
export function promptBytesOf(config: ThinkerConfig, contextTokens: number): number {
  return config.promptBytes ?? Math.max(2 ** 16, 32 * contextTokens);
}
