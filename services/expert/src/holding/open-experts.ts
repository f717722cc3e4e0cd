import { setTimeout as sleep } from 'node:timers/promises';
import { cacheHome } from '@zen/disk';
import { DistributionError, LadderDownload, storeSettings } from '@zen/distribution';
import { loadEngine, type NativeExperts } from '@zen/engine';
import type { ExpertConfig } from '../config';
import { ExpertError } from '../expert-error';

/** A mixture's metadata, and the engine for its experts; none is held yet. */
export interface OpenedExperts {
  ladder: LadderDownload;
  engine: NativeExperts;
  kernels: string;
}

export type OpenExperts = (signal: AbortSignal) => Promise<OpenedExperts>;

/** The mixture that the configuration names, from wherever it is. */
export function openExperts(config: ExpertConfig, env: NodeJS.ProcessEnv): OpenExperts {
  return async (signal) => {
    const ladder = await LadderDownload.open(config.ladder, {
      home: cacheHome(env),
      settings: await storeSettings(env),
      strategy: 'balanced',
      bytesPerSecond: config.bandwidth ?? null,
      need: () => -1,
      signal,
    });
    try {
      if (!ladder.config.model.experts) {
        throw new ExpertError('invalid', `ZEN_LADDER: ${ladder.config.name} is no mixture of experts`);
      }
      const engine = loadEngine();
      return {
        ladder,
        engine: engine.openExperts(ladder.configJson, { threads: config.threads }),
        kernels: engine.kernels(),
      };
    } catch (error) {
      await ladder.close();
      throw error;
    }
  };
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 30_000;

/** Asks an origin that does not answer again; null once `signal` is aborted. Anything else that is wrong is thrown. */
export async function openInTheEnd(
  open: OpenExperts,
  signal: AbortSignal,
  failed: (error: DistributionError) => void,
): Promise<OpenedExperts | null> {
  for (let retryMs = FIRST_RETRY_MS; !signal.aborted; retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)) {
    try {
      return await open(signal);
    } catch (error) {
      if (signal.aborted) return null;
      if (!(error instanceof DistributionError) || error.failure !== 'network') throw error;
      failed(error);
      await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }
  return null;
}
