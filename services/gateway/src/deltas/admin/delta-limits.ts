import type { GatewayMetrics } from '../../observe/gateway-metrics';

/** What uploads may cost, and who counts them. */
export interface DeltaLimits {
  maxDeltaBytes: number;
  maxBuildBytes: number;
  stallMs: number;
  metrics: Pick<GatewayMetrics, 'uploaded'>;
}
