import { address, type ConfigOf, duration, serviceSettings } from '@zen/config';
import { z } from 'zod';

export const settings = {
  blueprint: {
    env: 'ZEN_BLUEPRINT',
    type: z.string('must name a file').min(1),
    help: 'file that says what pods look like, as the chart renders it (JSON)',
  },
  apiServer: {
    env: 'ZEN_API_SERVER',
    type: z
      .string()
      .regex(/^http:\/\/[^/\s]+$/, 'must be http://HOST:PORT')
      .optional(),
    help: 'API server that is spoken to without a token, such as http://127.0.0.1:8001 of kubectl proxy (default: that of the cluster in which it runs)',
  },
  namespace: {
    env: 'ZEN_NAMESPACE',
    type: z
      .string()
      .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be a DNS label')
      .optional(),
    help: 'namespace whose resources it looks after (default: the one in which it runs)',
  },
  listen: {
    env: 'ZEN_LISTEN',
    type: address().default('127.0.0.1:50091'),
    help: 'gRPC address; it has no service but health and reflection',
    default: '127.0.0.1:50091',
  },
  probeListen: {
    env: 'ZEN_PROBE_LISTEN',
    type: address().optional(),
    help: 'HTTP address of /metrics, /healthz and /readyz (default none)',
  },
  leaseMs: {
    env: 'ZEN_LEASE',
    type: duration(3000, 600_000).default(15_000),
    help: 'of several operators one leads; another takes over when it was silent for this long',
    default: '15s',
  },
  relistMs: {
    env: 'ZEN_RELIST',
    type: duration(10_000).default(600_000),
    help: 'everything is listed anew after this, whatever the watches said',
    default: '10m',
  },
  ...serviceSettings,
};

export type OperatorConfig = ConfigOf<typeof settings>;
