import type { LadderConfig, StageQuality } from '@zen/ladder';
import { formatBytes, formatTable } from './output';

/** A ladder's stages with their sizes and measured quality, as text. */
export function stageTable({ stages }: Pick<LadderConfig, 'stages'>): string {
  const head = ['stage', 'bytes', 'bits/weight', 'top-1', 'KL', 'KL p99', 'perplexity', 'JSON'];
  const rows = stages.map(({ stage, bytes, bitsPerLinearWeight, quality }) => [
    stage,
    formatBytes(bytes),
    bitsPerLinearWeight.toFixed(2),
    ...qualityCells(quality),
  ]);
  return formatTable([head, ...rows]);
}

function qualityCells(quality: StageQuality | null): string[] {
  if (quality === null) return ['-', '-', '-', '-', '-'];
  return [
    quality.top1.toFixed(4),
    quality.klMean.toFixed(4),
    quality.klP99.toFixed(3),
    `×${quality.perplexityRatio.toFixed(4)}`,
    quality.jsonValid === null ? '-' : quality.jsonValid.toFixed(2),
  ];
}
