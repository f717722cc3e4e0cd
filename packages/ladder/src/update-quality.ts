import type { LadderConfig, StageQuality } from './ladder-config';
import { writeIndex } from './layout-writer';
import type { OpenLadder } from './open-ladder';
import { minServable } from './quality';

/** Puts measured quality into a ladder's config, on disk too where `keep`; its stages stay as they are. */
export async function updateQuality(
  ladder: OpenLadder,
  qualities: StageQuality[],
  keep: boolean,
): Promise<LadderConfig> {
  const config: LadderConfig = {
    ...ladder.config,
    stages: ladder.config.stages.map((stage, index) => ({ ...stage, quality: qualities[index] ?? null })),
    minServable: minServable(qualities, ladder.config.floors),
  };
  if (keep) await writeIndex(ladder.folder, config, ladder.manifest.layers);
  return config;
}
