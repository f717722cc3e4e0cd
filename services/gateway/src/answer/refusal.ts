import type { Decision } from '@zen/quality';
import { GatewayError } from '../gateway-error';

/** A decision not to serve, as an error that says why. */
export function refusalOf(decision: Exclude<Decision, { kind: 'serve' }>): GatewayError {
  switch (decision.kind) {
    case 'queue-full': {
      const { model, stage, queueMs, retryAfterS } = decision;
      const wait = (queueMs / 1000).toFixed(1);
      const message = `overloaded: even at stage ${stage} of ${model}, the lowest allowed, the wait would be about ${wait} s`;
      return new GatewayError('overloaded', message, { retryAfterS });
    }
    case 'unknown-stage': {
      const { wanted, known } = decision;
      const message = `x-zen-stage: the model has no stage ${wanted}, only ${known.join(', ')}`;
      return new GatewayError('invalid_request', message, { param: 'x-zen-stage' });
    }
    case 'not-attached': {
      const { wanted, highest } = decision;
      const now = highest === null ? 'none is' : `the highest is ${highest}`;
      const message = `stage ${wanted} is not attached yet on any replica; ${now}`;
      return new GatewayError('stage_not_attached', message, { retryAfterS: 5 });
    }
  }
}
