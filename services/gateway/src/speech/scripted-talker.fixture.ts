import type { SpeakRequest, SpeakResponse } from '@zen/contracts';
import { type OpenStream, RpcError, type StreamListener } from '@zen/rpc';
import type { SpeakingTalker } from './talker-call';

export const SAMPLES_PER_CHARACTER = 2;
const SAMPLES_PER_FRAME = 5;

/**
 * A talker whose samples are the codes of the characters that they speak, and which fails as its script says. A clause
 * ends behind a comma or a full stop.
 */
export class ScriptedTalker implements SpeakingTalker {
  readonly texts: string[] = [];
  starts: object[] = [];
  cancelled = 0;

  /** `lives`: for each call in turn, the messages after which it ends, and how; the last one's for all that follow. */
  constructor(private readonly lives: readonly { messages: number; error: RpcError | null }[]) {}

  speak(listener: StreamListener<SpeakResponse>): OpenStream<SpeakRequest> {
    const call = this.texts.length;
    const life = this.lives[Math.min(call, this.lives.length - 1)];
    this.texts.push('');
    let left = life?.messages ?? Number.POSITIVE_INFINITY;
    let over = false;
    let said = 0;
    let clauses = 0;
    const end = (error: RpcError | null) => {
      if (!over) queueMicrotask(() => listener.ended(error));
      over = true;
    };
    const tell = (event: NonNullable<SpeakResponse['event']>) => {
      if (over) return;
      if (left-- <= 0) end(life?.error ?? null);
      else queueMicrotask(() => listener.message({ event }));
    };
    const speakPart = (to: number, clauseEnd: number) => {
      const text = (this.texts[call] as string).slice(said, to);
      const samples = SAMPLES_PER_CHARACTER * text.length;
      const firstSample = BigInt(SAMPLES_PER_CHARACTER * said);
      const where = { textStart: said, textEnd: to, clauseEnd, firstSample, samples: BigInt(samples) };
      tell({ $case: 'clause', value: { index: clauses, ...where, synthesisUs: 1n } });
      const pcm = Buffer.alloc(2 * samples);
      for (let i = 0; i < samples; i++)
        pcm.writeInt16LE(text.charCodeAt(Math.floor(i / SAMPLES_PER_CHARACTER)), 2 * i);
      for (let at = 0; at < samples; at += SAMPLES_PER_FRAME) {
        const part = pcm.subarray(2 * at, 2 * (at + SAMPLES_PER_FRAME));
        tell({ $case: 'frame', value: { pcm: part, position: firstSample + BigInt(at), clause: clauses } });
      }
      clauses += 1;
      said = to;
    };
    /** In two parts. */
    const speak = (to: number) => {
      const middle = said + Math.ceil((to - said) / 2);
      speakPart(middle, to);
      if (middle < to) speakPart(to, to);
    };
    const whole = () => {
      for (;;) {
        const clause = /^[^,.]*[,.]/.exec((this.texts[call] as string).slice(said));
        if (!clause) return;
        speak(said + clause[0].length);
      }
    };
    return {
      send: ({ message }) => {
        if (message?.$case === 'start') {
          this.starts.push(message.value);
          const { voice, seed = 77n } = message.value;
          const rest = { sampleRate: 24_000, quality: 1, queueUs: 0n };
          tell({ $case: 'started', value: { voice: voice || 'scripted', seed, ...rest } });
        } else if (message?.$case === 'text') {
          this.texts[call] += message.value;
          whole();
        } else if (message?.$case === 'flush' && said < (this.texts[call] as string).length) {
          speak((this.texts[call] as string).length);
        }
        return true;
      },
      end: () => {
        const { length } = this.texts[call] as string;
        if (said < length) speak(length);
        const samples = BigInt(SAMPLES_PER_CHARACTER * said);
        tell({ $case: 'finished', value: { samples, textLength: said, computeUs: 5n } });
        end(null);
      },
      cancel: () => {
        if (!over) this.cancelled += 1;
        end(new RpcError('CANCELLED', 'cancelled'));
      },
      drained: async () => undefined,
      pause: () => undefined,
      resume: () => undefined,
    };
  }
}
