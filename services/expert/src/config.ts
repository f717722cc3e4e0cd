import { availableParallelism, hostname } from 'node:os';
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

const MIB = 2 ** 20;

export const settings = {
  ladder: {
    env: 'ZEN_LADDER',
    type: z.string('must name a folder or an address').min(1),
    help: 'the ladder whose experts it holds: a folder (made by zen pack), or an oci, http(s), s3 or file address (zen push)',
  },
  perLayer: {
    env: 'ZEN_EXPERTS_PER_LAYER',
    type: integer(1, 1024),
    help: 'most experts of one layer that it takes',
  },
  stage: {
    env: 'ZEN_EXPERT_STAGE',
    type: integer(0, 4).default(4),
    help: 'highest stage of them that it holds, 0 to 4',
    default: '4',
  },
  pod: {
    env: 'ZEN_EXPERT_POD',
    type: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/, 'must be at most 253 of letters, digits, ".", "_" and "-"')
      .default(hostname()),
    help: 'its name to the expert-router, unique among the pods',
    default: 'the host name',
  },
  home: {
    env: 'ZEN_HOME',
    type: z.string().optional(),
    help: 'where fetched chunks are kept, shared by all processes of the node (default ~/.cache/zen)',
  },
  bandwidth: {
    env: 'ZEN_BANDWIDTH',
    type: bandwidth().optional(),
    help: 'limit of the download, such as 20mbit or 2MiB (a second; default none)',
  },
  scrubRate: {
    env: 'ZEN_SCRUB_RATE',
    type: bytes(0, 2 ** 40).default(8 * MIB),
    help: 'bytes of held experts that are checked in a second; 0 turns that off',
    default: '8MiB',
  },
  listen: {
    env: 'ZEN_LISTEN',
    type: address().default('127.0.0.1:50071'),
    help: 'gRPC address',
    default: '127.0.0.1:50071',
  },
  ...rpcServerSettings,
  threads: {
    env: 'ZEN_THREADS',
    type: integer(1, 256).default(availableParallelism()),
    help: 'threads of the engine',
    default: 'all cores',
  },
  calls: {
    env: 'ZEN_EXPERT_CALLS',
    type: integer(1, 65_536).default(256),
    help: 'calls that it takes at once; more are told that it is busy',
    default: '256',
  },
  callBytes: {
    env: 'ZEN_EXPERT_CALL_BYTES',
    type: bytes(MIB, 2 ** 40).default(512 * MIB),
    help: 'memory of the rows and outputs of these calls together; more are told that it is busy',
    default: '512MiB',
  },
  messageBytes: {
    env: 'ZEN_MESSAGE_BYTES',
    type: bytes(2 ** 16, 2 ** 30).default(64 * MIB),
    help: 'largest call',
    default: '64MiB',
  },
  dropMs: {
    env: 'ZEN_EXPERT_GRACE',
    type: duration(0, 3_600_000).default(10_000),
    help: 'how long an expert still answers that a newer assignment leaves out',
    default: '10s',
  },
  ...serviceSettings,
};

export type ExpertConfig = ConfigOf<typeof settings>;
