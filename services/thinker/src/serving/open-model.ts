import { ConfigError } from '@zen/config';
import { cacheHome } from '@zen/disk';
import { LadderDownload, storeSettings } from '@zen/distribution';
import { expertNeed } from '@zen/ladder';
import type { ThinkerConfig } from '../config';
import { openEngine, residentStages } from './open-engine';
import type { OpenModel } from './replica';

/** Everything of what is no expert. */
const STAGES = 4;

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
      cacheBytes: config.cacheBytes ?? null,
      use,
      signal,
    });
    try {
      const { model } = source.config;
      if (config.expertRouter !== undefined && !model.experts) {
        throw new ConfigError(`ZEN_EXPERT_ROUTER: ${source.config.name} has no experts`);
      }
      const residentStage = config.expertRouter === undefined ? null : config.expertStandIn;
      // Of experts that pods have only what stands in for them; a folder's files are read where they are.
      if (residentStage !== null)
        source.want(expertNeed(model, residentStages(model, residentStage), STAGES));
      return { source, ...openEngine(source, { ...config, delta, residentStage }) };
    } catch (error) {
      await source.close();
      throw error;
    }
  };
}
