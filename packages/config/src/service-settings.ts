import { z } from 'zod';
import { duration } from './types';

/** What every service reads: how it stops, logs and traces. */
export const serviceSettings = {
  settleMs: {
    env: 'ZEN_SETTLE',
    type: duration(0, 600_000).default(0),
    help: 'time at shutdown in which it says that it goes but still answers, so that callers can turn elsewhere',
    default: '0s',
  },
  graceMs: {
    env: 'ZEN_GRACE',
    type: duration(0, 3_600_000).default(30_000),
    help: 'time that running answers get at shutdown, after ZEN_SETTLE',
    default: '30s',
  },
  logLevel: {
    env: 'ZEN_LOG_LEVEL',
    type: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
    help: 'lowest level logged',
    default: 'info',
  },
  otlpEndpoint: {
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    type: z.url().optional(),
    help: 'where traces go',
  },
};
