import { ExpertFloor, type QualityRequest, Upgrade } from '@zen/contracts';
import { NO_WISH, type QualityWish } from '../answer/answer';
import { expertFloorFrom } from '../answer/expert-floor';
import { GatewayError } from '../gateway-error';
import type { Headers } from './visit';

export const MAX_STAGE = 4;
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
    structured: isStructured(headers),
    ttftMs: whole(headers, 'x-zen-ttft-ms', 1, MAX_OBJECTIVE_MS),
    tpotMs: whole(headers, 'x-zen-tpot-ms', 1, MAX_OBJECTIVE_MS),
    upgrade: upgradeOf(headers['x-zen-upgrade']),
    expertFloor: expertFloorFrom(headers),
  };
}

/** The same in a gRPC message, where 0 means absent for the objective. */
export function wishFromMessage(
  { quality: message, expertFloor: asked }: { quality: QualityRequest | undefined; expertFloor: ExpertFloor },
  headers: Headers,
): QualityWish {
  const structured = isStructured(headers);
  const expertFloor = asked === ExpertFloor.EXPERT_FLOOR_UNSPECIFIED ? expertFloorFrom(headers) : asked;
  if (!(expertFloor in ExpertFloor) || expertFloor === ExpertFloor.UNRECOGNIZED) {
    const problem = `expert_floor: ${expertFloor}, not a known floor`;
    throw new GatewayError('invalid_request', problem, { param: 'expert_floor' });
  }
  if (!message) return { ...NO_WISH, structured, expertFloor };
  const within = (param: string, value: number | undefined, max: number) => {
    if (value === undefined || value <= max) return value;
    throw new GatewayError('invalid_request', `${param}: ${value}, at most ${max}`, { param });
  };
  return {
    pin: within('quality.stage', message.stage, MAX_STAGE),
    minStage: within('quality.min_stage', message.minStage, MAX_STAGE),
    full: message.full,
    structured,
    ttftMs: within('quality.ttft_ms', message.ttftMs, MAX_OBJECTIVE_MS) || undefined,
    tpotMs: within('quality.tpot_ms', message.tpotMs, MAX_OBJECTIVE_MS) || undefined,
    upgrade: message.upgrade,
    expertFloor,
  };
}

/** `x-zen-output: json` says that a program reads the answer. */
function isStructured(headers: Headers): boolean {
  const output = headers['x-zen-output'];
  if (output === undefined || output === 'json') return output === 'json';
  const message = 'x-zen-output: expected "json" or no such header';
  throw new GatewayError('invalid_request', message, { param: 'x-zen-output' });
}

/** `x-zen-upgrade: never` or `boundary`. */
function upgradeOf(text = 'boundary'): Upgrade {
  if (text === 'boundary') return Upgrade.UPGRADE_BOUNDARY;
  if (text === 'never') return Upgrade.UPGRADE_NEVER;
  const message = 'x-zen-upgrade: expected "never" or "boundary"';
  throw new GatewayError('invalid_request', message, { param: 'x-zen-upgrade' });
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
