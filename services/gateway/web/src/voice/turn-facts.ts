import type { Fact } from '../answer/facts';
import { STAGE_REASON } from '../answer/stage-reason';
import { milliseconds } from '../ladder/format';
import type { AssistantTurn } from './voice-turn';

/** What is worth knowing of an answer: what gave it, and when each step was there after the person had finished. */
export function turnFacts({ facts, heardMs }: Pick<AssistantTurn, 'facts' | 'heardMs'>): Fact[] {
  const { stage, stage_reason = '', voice_quality, timings = {} } = facts ?? {};
  const list: Fact[] = [];
  if (stage !== undefined) list.push(['Stage', String(stage), STAGE_REASON[stage_reason]]);
  if (voice_quality)
    list.push(['Voice', voice_quality, voice_quality === 'reduced' ? 'lowered by load' : undefined]);
  const steps: [string, number | null | undefined][] = [
    ['Understood', timings.transcript_ms],
    ['First token', timings.first_token_ms],
    ['First audio', timings.first_audio_ms],
    ['Heard', heardMs],
  ];
  for (const [name, ms] of steps) if (typeof ms === 'number') list.push([name, milliseconds(ms)]);
  return list;
}
