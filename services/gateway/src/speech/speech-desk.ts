import { type Priority, type SpeakStart, TalkerPrompt } from '@zen/contracts';
import type { Visit } from '../door/visit';
import { GatewayError } from '../gateway-error';
import { allowedPriority } from '../keys/tenant';
import { SpeakAnywhere } from './speak-anywhere';
import type { SpeechLoad, Talkers } from './talkers';
import { voiceQuality } from './voice-quality';

export interface SpeechDeskOptions {
  now: () => number;
  /** Times that one utterance goes on at another talker at most, and how long it waits for one, milliseconds. */
  mostMoves: number;
  mostWaitMs: number;
}

export interface Utterance {
  /** As the request names it; '' for the default. */
  voice: string;
  /** 0.25 to 4. */
  speed: number;
  /** Not lowered under load; may become known only once a talker was called. */
  full: boolean | Promise<boolean>;
  priority: Priority;
  seed?: number | undefined;
  /** For a voice that takes token ids: those of the prompt. */
  prompt?: Promise<number[]> | undefined;
}

/** Opens utterances at whichever talker is best for them. */
export class SpeechDesk {
  constructor(
    readonly talkers: Talkers,
    private readonly options: SpeechDeskOptions,
  ) {}

  /**
   * One utterance on a visit's behalf, to be given its text and read. The visit's end, or that of `signal`, cancels it.
   * @throws GatewayError where there is no such voice, or nobody who has it
   */
  open(utterance: Utterance, visit: Visit, signal = visit.signal): SpeakAnywhere {
    const { name } = this.talkers.voice(utterance.voice);
    const load = this.talkers.load(name);
    if (!load) throw new GatewayError('unavailable', 'no talker can be asked now', { retryAfterS: 1 });
    const { now: nowMs, mostMoves, mostWaitMs } = this.options;
    return new SpeakAnywhere({
      start: start(utterance, name, load, visit),
      pick: (shunned) => this.talkers.speaking(name, shunned),
      signal,
      mostMoves,
      mostWaitMs,
      nowMs,
    });
  }
}

async function start(
  { speed, full, priority, seed, prompt }: Utterance,
  voice: string,
  load: SpeechLoad,
  visit: Visit,
): Promise<SpeakStart> {
  const [isFull, tokenIds] = await Promise.all([full, prompt]);
  return {
    requestId: visit.requestId,
    voice,
    speed,
    tenant: visit.tenant.name,
    priority: allowedPriority(priority, visit.tenant),
    quality: voiceQuality(load, isFull),
    prompt: tokenIds && TalkerPrompt.fromPartial({ tokenIds }),
    seed: seed === undefined ? undefined : BigInt(seed),
  };
}
