import { parseServiceAddress } from '@zen/cluster';
import {
  address,
  type ConfigOf,
  duration,
  integer,
  list,
  rpcServerSettings,
  serviceSettings,
} from '@zen/config';
import { z } from 'zod';

export const settings = {
  pods: {
    env: 'ZEN_EXPERT_PODS',
    type: z.string('must name the expert pods').pipe(list(z.union([service(), address()]))),
    help: 'expert pods with commas between: host:port (a name stands for all its addresses), or the endpoints of a Service: kubernetes://NAMESPACE/SERVICE:PORT',
  },
  listen: {
    env: 'ZEN_LISTEN',
    type: address().default('127.0.0.1:50081'),
    help: 'gRPC address',
    default: '127.0.0.1:50081',
  },
  ...rpcServerSettings,
  tlsServerName: {
    env: 'ZEN_TLS_SERVER_NAME',
    type: z.string().max(253, 'must be a host name').optional(),
    help: "name in the pods' certificates (default: the host that is dialled)",
  },
  copies: {
    env: 'ZEN_EXPERT_REDUNDANCY',
    type: integer(1, 16).default(2),
    help: 'pods that hold each hot expert at least; the others too, where there are slots for all',
    default: '2',
  },
  intervalMs: {
    env: 'ZEN_EXPERT_REBALANCE',
    type: duration(100).default(60_000),
    help: 'shortest time between two plans that move experts for the balance alone',
    default: '60s',
  },
  gainPercent: {
    env: 'ZEN_EXPERT_GAIN',
    type: integer(1, 1000).default(10),
    help: 'least fall of a layer’s balance (largest load of a pod over the mean), in percent of the mean, that experts move for',
    default: '10',
  },
  windowMs: {
    env: 'ZEN_EXPERT_WINDOW',
    type: duration(1000).default(120_000),
    help: 'how far back the load counts that plans are made for',
    default: '2m',
  },
  reportMs: {
    env: 'ZEN_EXPERT_REPORT',
    type: duration(100, 600_000).default(2000),
    help: 'how often thinkers shall report their load',
    default: '2s',
  },
  lostMs: {
    env: 'ZEN_EXPERT_LOST',
    type: duration(0, 3_600_000).default(3000),
    help: 'time after which the experts of a pod that is not reached are given to others',
    default: '3s',
  },
  leaseMs: {
    env: 'ZEN_EXPERT_LEASE',
    type: duration(200, 600_000).default(9000),
    help: 'silence of the expert-router that plans after which another one plans in its place',
    default: '9s',
  },
  ...serviceSettings,
};

function service() {
  return z
    .string()
    .refine(
      (text) => parseServiceAddress(text) !== undefined,
      'must be host:port or kubernetes://NAMESPACE/SERVICE:PORT',
    );
}

export type ExpertRouterConfig = ConfigOf<typeof settings>;
