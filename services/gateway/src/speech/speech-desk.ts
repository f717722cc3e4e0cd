import { Priority } from '@zen/contracts';
import type { Visit } from '../door/visit';
import { GatewayError } from '../gateway-error';
import { allowedPriority } from '../keys/tenant';
import { SpeakAnywhere } from './speak-anywhere';
import type { Talkers } from './talkers';
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
  /** Not lowered under load. */
  full: boolean;
  priority: Priority;
  seed?: number | undefined;
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
  open(
    { voice, speed, full, priority, seed }: Utterance,
    visit: Visit,
    signal = visit.signal,
  ): SpeakAnywhere {
    const { name } = this.talkers.voice(voice);
    const load = this.talkers.load(name);
    if (!load) throw new GatewayError('unavailable', 'no talker can be asked now', { retryAfterS: 1 });
    const { now: nowMs, mostMoves, mostWaitMs } = this.options;
    return new SpeakAnywhere({
      start: {
        requestId: visit.requestId,
        voice: name,
        speed,
        tenant: visit.tenant.name,
        priority: allowedPriority(priority, visit.tenant),
        quality: voiceQuality(load, full),
        prompt: undefined,
        seed: seed === undefined ? undefined : BigInt(seed),
      },
      pick: (shunned) => this.talkers.speaking(name, shunned),
      signal,
      mostMoves,
      mostWaitMs,
      nowMs,
    });
  }
}
