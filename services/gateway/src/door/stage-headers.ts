import type { StageQuality } from '@zen/contracts';
import type { Answer } from '../answer/answer';

/** What every answer says about the rung and the delta that gave it and the choice of its replica, as HTTP headers or gRPC metadata. */
export function stageHeaders({
  model,
  stage,
  reason,
  route,
  quality,
  deltaDigest,
}: Answer): Record<string, string> {
  const headers: Record<string, string> = {
    'x-zen-model': model,
    'x-zen-stage': String(stage),
    'x-zen-stage-reason': reason,
    'x-zen-route': route,
  };
  // Absent: the base.
  if (deltaDigest !== '') headers['x-zen-delta'] = deltaDigest;
  if (quality) headers['x-zen-quality'] = qualityText(quality);
  return headers;
}

/** `top1=0.812;kl=0.2231;ppl=1.198`: top-1 agreement, mean KL in nats, perplexity ratio, all to the source. */
function qualityText({ top1, klMean, perplexityRatio }: StageQuality): string {
  const short = (value: number) => String(Number(value.toPrecision(4)));
  return `top1=${short(top1)};kl=${short(klMean)};ppl=${short(perplexityRatio)}`;
}
