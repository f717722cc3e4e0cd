import { loadQuant } from '@zen/engine';
import { CODING_DEFAULTS, type OpenLadder, openLadder, packLadder, type SourceModel } from '@zen/ladder';

/** Packs a small source by plain rounding into `folder`, scales for each `group` columns. */
export async function packPlainly(source: SourceModel, folder: string, group: 32 | 64): Promise<OpenLadder> {
  await packLadder(source, {
    quant: loadQuant(),
    folder,
    plan: { bits: 3, group, embeddingBits: 5 },
    coding: { ...CODING_DEFAULTS, rounds: 0, calibration: [] },
    sensitivity: null,
    progress: () => {},
    signal: new AbortController().signal,
  });
  return openLadder(folder);
}
