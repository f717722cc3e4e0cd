import { GatewayServiceDefinition } from '@zen/contracts';

/** Attempts of a call that nothing has come of yet, the first included. */
const MAX_ATTEMPTS = 4;

/**
 * What grpc-js does by itself: turns between all gateways, leaves one alone that fails half of its calls, tries a
 * call again elsewhere while nothing of its answer has come, and stops trying when most calls fail.
 */
const SERVICE_CONFIG = {
  loadBalancingConfig: [
    {
      outlier_detection: {
        interval: { seconds: 2, nanos: 0 },
        base_ejection_time: { seconds: 5, nanos: 0 },
        max_ejection_time: { seconds: 60, nanos: 0 },
        max_ejection_percent: 50,
        failure_percentage_ejection: {
          threshold: 50,
          enforcement_percentage: 100,
          minimum_hosts: 2,
          request_volume: 5,
        },
        child_policy: [{ round_robin: {} }],
      },
    },
  ],
  methodConfig: [
    {
      name: [{ service: GatewayServiceDefinition.fullName }],
      retryPolicy: {
        maxAttempts: MAX_ATTEMPTS,
        initialBackoff: '0.1s',
        maxBackoff: '2s',
        backoffMultiplier: 2,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
  // A failed attempt takes one, a good one gives half; below half of them nothing is tried again.
  retryThrottling: { maxTokens: 200, tokenRatio: 0.5 },
};

export const BALANCING: Readonly<Record<string, string | number>> = {
  'grpc.service_config': JSON.stringify(SERVICE_CONFIG),
  // A name's own configuration must not turn balancing off.
  'grpc.service_config_disable_resolution': 1,
  // A gateway may tell a connection to go; grpc-js would then take its next ping for failed and cut what still runs.
  'grpc.keepalive_time_ms': -1,
};
