import { cacheHome } from '@zen/disk';
import { LadderDownload, storeSettings } from '@zen/distribution';
import type { ThinkerConfig } from '../config';
import { openEngine } from './open-engine';
import type { OpenModel } from './replica';

/** The model that the configuration names, from wherever it is, with the native engine. */
export function openModel(config: ThinkerConfig, env: NodeJS.ProcessEnv): OpenModel {
  const { deltaSlots: slots, deltaSlotBytes: slotBytes, denseSlots } = config;
  const delta = config.deltaStore === undefined ? null : { slots, slotBytes, denseSlots };
  return async (signal, use) => {
    const source = await LadderDownload.open(config.ladder, {
      home: cacheHome(env),
      settings: await storeSettings(env),
      strategy: config.strategy,
      bytesPerSecond: config.bandwidth ?? null,
      use,
      signal,
    });
    try {
      return { source, ...openEngine(source, { ...config, delta }) };
    } catch (error) {
      await source.close();
      throw error;
    }
  };
}
