import type { QualityRequest } from '@zen/contracts';
import { NO_WISH, type QualityWish } from '../answer/answer';
import { GatewayError } from '../gateway-error';
import type { Headers } from './visit';

const MAX_STAGE = 4;
const MAX_OBJECTIVE_MS = 600_000;

/** The stage wish in HTTP headers. */
export function wishFromHeaders(headers: Headers): QualityWish {
  const quality = headers['x-zen-quality'];
  if (quality !== undefined && quality !== 'full') {
    const message = 'x-zen-quality: expected "full" or no such header';
    throw new GatewayError('invalid_request', message, { param: 'x-zen-quality' });
  }
  return {
    pin: whole(headers, 'x-zen-stage', 0, MAX_STAGE),
    minStage: whole(headers, 'x-zen-min-stage', 0, MAX_STAGE),
    full: quality === 'full',
    ttftMs: whole(headers, 'x-zen-ttft-ms', 1, MAX_OBJECTIVE_MS),
    tpotMs: whole(headers, 'x-zen-tpot-ms', 1, MAX_OBJECTIVE_MS),
  };
}

/** The same in a gRPC message, where 0 means absent for the objective. */
export function wishFromMessage(message: QualityRequest | undefined): QualityWish {
  if (!message) return NO_WISH;
  const within = (param: string, value: number | undefined, max: number) => {
    if (value === undefined || value <= max) return value;
    throw new GatewayError('invalid_request', `${param}: ${value}, at most ${max}`, { param });
  };
  return {
    pin: within('quality.stage', message.stage, MAX_STAGE),
    minStage: within('quality.min_stage', message.minStage, MAX_STAGE),
    full: message.full,
    ttftMs: within('quality.ttft_ms', message.ttftMs, MAX_OBJECTIVE_MS) || undefined,
    tpotMs: within('quality.tpot_ms', message.tpotMs, MAX_OBJECTIVE_MS) || undefined,
  };
}

function whole(headers: Headers, name: string, min: number, max: number): number | undefined {
  const text = headers[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= min && value <= max) return value;
  throw new GatewayError('invalid_request', `${name}: expected a whole number from ${min} to ${max}`, {
    param: name,
  });
}
