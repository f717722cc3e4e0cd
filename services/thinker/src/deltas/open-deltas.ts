import { join } from 'node:path';
import { ConfigError } from '@zen/config';
import type { ClientTls } from '@zen/rpc';
import { readServiceKey, ServiceTokenError, ServiceTokens } from '@zen/service-token';
import type { Logger } from '@zen/telemetry';
import type { ThinkerConfig } from '../config';
import type { ServedModel } from '../serving/served-model';
import type { DeltaMetrics } from './delta-metrics';
import { DeltaTiers } from './delta-tiers';
import { DiskTier } from './disk-tier';
import { HostScrubber } from './host-scrubber';
import { HostTier } from './host-tier';
import { LeaseLoop } from './lease-loop';
import { ServedDeltas } from './served-deltas';
import { type DeltaEngine, SlotTier } from './slot-tier';
import { StoreClient } from './store-client';

/** Deltas for a model, once that is known. */
export type OpenDeltas = (model: ServedModel, engine: DeltaEngine) => ServedDeltas;

interface Around {
  /** The node's cache folder. */
  home: string;
  /** How the store is called. */
  tls: ClientTls | undefined;
  logger: Logger;
  metrics(): DeltaMetrics;
}

/** Null where this replica takes no deltas. Throws a ConfigError where the settings do not go together. */
export function openDeltas(config: ThinkerConfig, around: Around): OpenDeltas | null {
  const { deltaStore, serviceKey } = config;
  if (deltaStore === undefined) return null;
  if (serviceKey === undefined) throw new ConfigError('ZEN_SERVICE_KEY: needed where ZEN_DELTA_STORE is set');
  const tokens = new ServiceTokens(readKey(serviceKey));
  return (model, engine) => {
    const { logger } = around;
    const metrics = around.metrics();
    const nowMs = () => performance.now();
    const store = new StoreClient(deltaStore, tokens, around.tls);
    const slots = new SlotTier(
      engine,
      {
        slots: { small: config.deltaSlots, dense: config.denseSlots },
        tenantSlots: config.deltaTenantSlots ?? Number.POSITIVE_INFINITY,
        mostWaiting: config.maxWaiting,
        nowMs,
      },
      () => metrics.evicted('slot'),
    );
    const base = { digest: model.baseDigest, model: model.shape };
    const host = new HostTier({ bytes: config.deltaHostBytes, base, nowMs }, () => metrics.evicted('host'));
    const disk = new DiskTier(
      { folder: join(around.home, 'deltas'), bytes: config.deltaDiskBytes, nowMs },
      {
        evicted: () => metrics.evicted('disk'),
        corrupt: ({ digest }, { message }) => {
          metrics.corrupt('disk');
          logger.error({ digest, reason: message }, 'a delta on the disk is bad, it is removed');
        },
        failed: (err) => logger.warn({ err }, 'a delta is not kept on the disk'),
      },
    );
    const options = { slotBytes: config.deltaSlotBytes, waitMs: config.deltaWaitMs, nowMs };
    const fetch = store.fetch.bind(store);
    const tiers = new DeltaTiers(slots, host, disk, fetch, options, {
      had: (tier, seconds) => metrics.had(tier, seconds),
      refused: (failure) => {
        metrics.refused(failure);
        if (failure === 'delta_corrupt') metrics.corrupt('store');
      },
      corrupt: ({ digest }) => {
        metrics.corrupt('host');
        logger.error({ digest }, 'a delta in memory is bad, it is fetched again');
      },
      revoked: ({ digest }) => {
        metrics.revoked();
        logger.info({ digest }, 'a delta was revoked, it is dropped');
      },
    });
    metrics.watch(tiers);
    const lease = new LeaseLoop(tiers, store.lease.bind(store), nowMs, (err, lapsed) => {
      metrics.leaseFailed();
      logger[lapsed ? 'error' : 'warn']({ err, lapsed }, 'the lease with the delta-store is not renewed');
    });
    const scrubber = new HostScrubber({
      bytesPerSecond: config.scrubRate,
      copies: () => host.held(),
      holds: (copy) => host.has(copy),
      found: (copy) => tiers.corrupt(copy),
    });
    return new ServedDeltas(tiers, { tokens, store, lease, scrubber, slotBytes: config.deltaSlotBytes });
  };
}

function readKey(path: string): Buffer {
  try {
    return readServiceKey(path);
  } catch (error) {
    if (error instanceof ServiceTokenError) throw new ConfigError(`ZEN_SERVICE_KEY: ${error.message}`);
    throw error;
  }
}
