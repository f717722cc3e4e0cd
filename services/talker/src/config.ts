import { availableParallelism } from 'node:os';
import {
  address,
  bytes,
  type ConfigOf,
  duration,
  integer,
  list,
  rpcServerSettings,
  serviceSettings,
} from '@zen/config';
import { z } from 'zod';

const voiceName = () =>
  z.string().regex(/^[a-z0-9-]{1,64}$/, 'must be at most 64 of lower-case letters, digits and "-"');

export const settings = {
  voices: {
    env: 'ZEN_TALKER_VOICES',
    type: list(voiceName()).default(['heart']),
    help: 'the voices that it has, comma-separated; fetched at the first start',
    default: 'heart',
  },
  omni: {
    env: 'ZEN_TALKER_OMNI',
    type: z.string().min(1).optional(),
    help: "folder of a Qwen3-Omni model (config.json, safetensors): its speakers are voices too, which speak the thinker's token ids (default: none)",
  },
  voice: {
    env: 'ZEN_TALKER_VOICE',
    type: voiceName().optional(),
    help: 'who speaks where a request names no voice (default: the first of ZEN_TALKER_VOICES)',
  },
  home: {
    env: 'ZEN_HOME',
    type: z.string().optional(),
    help: 'where fetched voices are kept, shared by all processes of the node (default ~/.cache/zen)',
  },
  listen: {
    env: 'ZEN_LISTEN',
    type: address().default('127.0.0.1:50091'),
    help: 'gRPC address',
    default: '127.0.0.1:50091',
  },
  ...rpcServerSettings,
  threads: {
    env: 'ZEN_TALKER_THREADS',
    type: integer(1, 64).default(Math.min(64, availableParallelism())),
    help: 'clauses that are made at once by a voice, each on a thread that holds the voice',
    default: 'all cores',
  },
  maxSpeaking: {
    env: 'ZEN_TALKER_MAX_SPEAKING',
    type: integer(1, 4096).default(16),
    help: 'texts that are spoken at once',
    default: '16',
  },
  maxWaiting: {
    env: 'ZEN_TALKER_MAX_WAITING',
    type: integer(0, 65_536).default(64),
    help: 'calls of each priority that wait beyond those',
    default: '64',
  },
  maxWaitMs: {
    env: 'ZEN_TALKER_MAX_WAIT',
    type: duration(0, 600_000).default(10_000),
    help: 'longest wait for a place',
    default: '10s',
  },
  leadMs: {
    env: 'ZEN_TALKER_LEAD',
    type: duration(80, 60_000).default(5000),
    help: 'audio that is made ahead of what a client has taken; above it the voice waits for the client',
    default: '5s',
  },
  stallMs: {
    env: 'ZEN_STALL_TIMEOUT',
    type: duration(100).default(60_000),
    help: 'a call ends after this when its client takes no audio, or sends neither text nor the end while none is left to say',
    default: '60s',
  },
  textBytes: {
    env: 'ZEN_TALKER_TEXT_BYTES',
    type: bytes(1024, 64 * 2 ** 20).default(2 ** 20),
    help: 'longest text of a call',
    default: '1MiB',
  },
  ears: {
    env: 'ZEN_TALKER_EARS',
    type: z.enum(['whisper-base', 'none']).default('whisper-base'),
    help: 'what transcribes speech: whisper-base (fetched at the first start), or none',
    default: 'whisper-base',
  },
  hearingThreads: {
    env: 'ZEN_TALKER_HEARING_THREADS',
    type: integer(1, 64).default(Math.min(4, availableParallelism())),
    help: 'threads that a transcript is computed with',
    default: 'all cores, at most 4',
  },
  maxListening: {
    env: 'ZEN_TALKER_MAX_LISTENING',
    type: integer(1, 4096).default(16),
    help: 'speakers that are listened to at once',
    default: '16',
  },
  listenSeconds: {
    env: 'ZEN_TALKER_LISTEN_SECONDS',
    type: integer(1, 86_400).default(14_400),
    help: 'longest audio of one call, seconds',
    default: '14400',
  },
  ...serviceSettings,
};

export type TalkerConfig = ConfigOf<typeof settings>;
