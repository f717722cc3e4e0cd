import { randomBytes } from 'node:crypto';
import type { BatchRequest, ExpertFloor, Priority } from '@zen/batching';
import {
  type GenerateRequest,
  ExpertFloor as ProtoFloor,
  Priority as ProtoPriority,
  Upgrade,
} from '@zen/contracts';
import type { ServedModel } from '../serving/served-model';
import { chooseStage, type StagesNow } from './choose-stage';
import type { PromptLimits } from './prompt-limits';
import { readPrompt } from './read-prompt';
import { readResumed } from './read-resumed';
import { readSampling } from './read-sampling';
import { invalid, ThinkerError } from './thinker-error';

/** The longest that a gateway may have. */
const MAX_TTFT_MS = 6_000_000;
const MAX_NAME_BYTES = 256;

const PRIORITIES: Record<ProtoPriority, Priority | undefined> = {
  [ProtoPriority.PRIORITY_UNSPECIFIED]: 'normal',
  [ProtoPriority.PRIORITY_BATCH]: 'batch',
  [ProtoPriority.PRIORITY_NORMAL]: 'normal',
  [ProtoPriority.PRIORITY_INTERACTIVE]: 'interactive',
  [ProtoPriority.UNRECOGNIZED]: undefined,
};

const UPGRADES: Record<Upgrade, 'never' | 'boundary' | undefined> = {
  [Upgrade.UPGRADE_UNSPECIFIED]: 'boundary',
  [Upgrade.UPGRADE_NEVER]: 'never',
  [Upgrade.UPGRADE_BOUNDARY]: 'boundary',
  [Upgrade.UNRECOGNIZED]: undefined,
};

const FLOORS: Record<ProtoFloor, ExpertFloor | undefined> = {
  [ProtoFloor.EXPERT_FLOOR_UNSPECIFIED]: 'standIn',
  [ProtoFloor.EXPERT_FLOOR_EXACT]: 'exact',
  [ProtoFloor.EXPERT_FLOOR_STAND_IN]: 'standIn',
  [ProtoFloor.EXPERT_FLOOR_WITHOUT]: 'without',
  [ProtoFloor.UNRECOGNIZED]: undefined,
};

/** Checks a request completely; what it returns can be queued. Cheap checks come before tokenizing. */
export function readGenerate(
  request: GenerateRequest,
  model: ServedModel,
  limits: PromptLimits,
  stages: StagesNow,
  deadlineUs: number,
): BatchRequest {
  checkModel(request.model, model);
  for (const [field, value] of [
    ['request_id', request.requestId],
    ['tenant', request.tenant],
  ] as const) {
    const bytes = Buffer.byteLength(value);
    if (bytes > MAX_NAME_BYTES) throw invalid(field, `${bytes} bytes, limit ${MAX_NAME_BYTES}`);
  }
  const priority = PRIORITIES[request.priority];
  if (!priority) throw invalid('priority', 'not a known priority');
  const upgrade = UPGRADES[request.upgrade];
  if (!upgrade) throw invalid('upgrade', 'not a known upgrade');
  const expertFloor = FLOORS[request.expertFloor];
  if (!expertFloor) throw invalid('expert_floor', 'not a known floor');
  const { ttftMs } = request;
  if (ttftMs > MAX_TTFT_MS) throw invalid('ttft_ms', `${ttftMs}, limit ${MAX_TTFT_MS}`);
  const stage = chooseStage(request, stages);
  const { endIds } = model.tokenizer;
  const seed = () => randomBytes(8).readBigUInt64LE();
  const sampling = readSampling(request.sampling, { vocabSize: model.vocabSize, endIds, seed });
  const prompt = readPrompt(request.prompt, model.tokenizer, limits);
  const { tenant, maxTokens, minStage = 0 } = request;
  const sampled = readResumed(request.resumeTokenIds, prompt, maxTokens, limits);
  const { prefillOnly } = request;
  if (prefillOnly && sampled.length > 0) {
    throw invalid('prefill_only', 'an answer that goes on has its prompt computed already');
  }
  const wanted = { sampling, sampled, prefillOnly, maxTokens, stage, minStage, upgrade, expertFloor };
  return { tenant, priority, prompt, ttftUs: 1000 * ttftMs, deadlineUs, ...wanted };
}

function checkModel(asked: string, { name }: ServedModel): void {
  if (asked !== '' && asked !== name) {
    throw new ThinkerError(
      'unknown-model',
      `model: ${JSON.stringify(asked.slice(0, 100))} is not served here, ${name} is`,
    );
  }
}
