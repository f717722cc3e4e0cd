import { randomBytes } from 'node:crypto';
import { type SpeakRequest, type SpeakResponse, VoiceQuality } from '@zen/contracts';
import type { CallContext } from '@zen/rpc';
import type { SpokenClause } from '@zen/speech';
import type { Logger } from '@zen/telemetry';
import { type Outcome, outcomeOf } from '../outcome';
import { type ReadStart, readStart, readVoice } from '../request/read-start';
import { invalid, TalkerError } from '../talker-error';
import type { TalkerMetrics } from '../talker-metrics';
import { ClauseLedger, type Entry } from './clause-ledger';
import { IdleWatch } from './idle-watch';
import { IncomingText } from './incoming-text';
import type { Places } from './places';
import { ReadAhead } from './read-ahead';
import { frameSamples, toFrames } from './to-frames';
import type { Voice, Voices } from './voices';
import { wholeFrames } from './whole-frames';

export interface SpeakerLimits {
  leadMs: number;
  stallMs: number;
  textBytes: number;
}

export interface SpeakerParts {
  voices: Voices;
  places: Places;
  metrics: TalkerMetrics;
  logger: Logger;
  nowUs(): number;
}

const QUALITIES = {
  full: VoiceQuality.VOICE_QUALITY_FULL,
  reduced: VoiceQuality.VOICE_QUALITY_REDUCED,
};

/** Speaks one text after the other, side by side with others. */
export class Speaker {
  constructor(
    private readonly parts: SpeakerParts,
    private readonly limits: SpeakerLimits,
  ) {}

  /** A call from its first message to its last sample. */
  async *speak(
    requests: AsyncIterable<SpeakRequest>,
    context: Pick<CallContext, 'signal'>,
  ): AsyncGenerator<SpeakResponse> {
    const { places, metrics, logger, nowUs } = this.parts;
    const arrivedUs = nowUs();
    const over = new AbortController();
    const signal = AbortSignal.any([context.signal, over.signal]);
    const { stallMs } = this.limits;
    const watch = () =>
      new IdleWatch(stallMs, () => over.abort(new TalkerError('stalled', `nothing moved for ${stallMs} ms`)));
    let idle = watch();
    let ledger: ClauseLedger | undefined;
    let about: { requestId: string; voice: string } | undefined;
    let outcome: Outcome = 'failed';
    let leave = () => {};
    try {
      const messages = requests[Symbol.asyncIterator]();
      const { start, voice } = await this.first(messages, signal);
      idle.stop();
      about = { requestId: start.requestId, voice: voice.info.name };
      leave = await places.take(start, signal);
      // Whatever ends the call, its place is free at once, even while nobody asks for the next message.
      signal.addEventListener('abort', leave, { once: true });
      idle = watch();
      const queueUs = nowUs() - arrivedUs;
      metrics.admitted(queueUs);
      const { info, engine } = voice;
      const session = engine.open(start.options);
      yield started(start, info.sampleRate, queueUs);
      const text = new IncomingText(session, info, this.limits.textBytes, nowUs, start.prompts);
      ledger = new ClauseLedger((from, at) => text.wordEnd(from, at));
      text.take(messages, () => idle.moved()).catch((error) => over.abort(error));
      const made = new ReadAhead(
        this.timed(wholeFrames(session.clauses(signal), frameSamples(info.sampleRate)), text),
        ({ samples }) => samples.length,
        {
          limit: (this.limits.leadMs * info.sampleRate) / 1000,
          signal,
        },
      );
      const listened = metrics.listen(info);
      let computeUs = 0;
      for (let part = await made.next(); part; part = await made.next()) {
        idle.moved();
        computeUs += part.computeUs;
        const entry = ledger.enter(part);
        listened.made(entry, part);
        yield clause(entry, part.synthesisUs);
        for (const frame of toFrames(part.samples, info.sampleRate, entry.firstSample, entry.index)) {
          signal.throwIfAborted();
          idle.offer();
          yield { event: { $case: 'frame', value: frame } };
          idle.took();
          made.taken(frame.pcm.length / 2);
        }
      }
      signal.throwIfAborted();
      outcome = 'ok';
      const { samples, textEnd } = ledger;
      yield {
        event: {
          $case: 'finished',
          value: { samples: BigInt(samples), textLength: textEnd, computeUs: BigInt(Math.round(computeUs)) },
        },
      };
    } catch (error) {
      // However a voice puts its being ended, the reason is what it was ended for.
      const reason = signal.aborted ? signal.reason : error;
      outcome = outcomeOf(reason);
      throw reason;
    } finally {
      // A client that leaves ends the generator where it waits.
      if (outcome === 'failed' && context.signal.aborted) outcome = outcomeOf(context.signal.reason);
      idle.stop();
      over.abort(new TalkerError('draining', 'the call is over'));
      leave();
      metrics.ended(outcome);
      logger.info(
        { ...about, outcome, samples: ledger?.samples ?? 0, characters: ledger?.textEnd ?? 0 },
        'spoken',
      );
    }
  }

  private async first(
    messages: AsyncIterator<SpeakRequest>,
    signal: AbortSignal,
  ): Promise<{ start: ReadStart; voice: Voice }> {
    const { value, done } = await unlessAborted(messages.next(), signal);
    const { message } = done ? {} : (value as SpeakRequest);
    if (message?.$case !== 'start') throw invalid('start', 'must be the first message');
    const voice = this.parts.voices.require(readVoice(message.value.voice));
    const start = readStart(message.value, voice.info, () => randomBytes(8).readBigUInt64LE());
    return { start, voice };
  }

  /** Adds to each part the time from when its text was whole and it was asked for to when it was there. */
  private async *timed(
    parts: AsyncIterable<SpokenClause>,
    text: IncomingText,
  ): AsyncGenerator<SpokenClause & { synthesisUs: number; wholeUs: number }> {
    const { nowUs } = this.parts;
    let askedUs = nowUs();
    for await (const part of parts) {
      const wholeUs = text.wholeSinceUs(part.textEnd);
      const synthesisUs = nowUs() - Math.max(wholeUs, askedUs);
      yield { ...part, wholeUs, synthesisUs };
      askedUs = nowUs();
    }
  }
}

/** What is awaited, or the signal's reason, whichever is first. */
async function unlessAborted<T>(awaited: Promise<T>, signal: AbortSignal): Promise<T> {
  let ended = () => {};
  const aborted = new Promise<never>((_, reject) => {
    ended = () => reject(signal.reason);
  });
  signal.addEventListener('abort', ended, { once: true });
  if (signal.aborted) ended();
  try {
    return await Promise.race([awaited, aborted]);
  } finally {
    signal.removeEventListener('abort', ended);
  }
}

function started({ options }: ReadStart, sampleRate: number, queueUs: number): SpeakResponse {
  const { voice, quality, seed } = options;
  return {
    event: {
      $case: 'started',
      value: { voice, sampleRate, quality: QUALITIES[quality], seed, queueUs: BigInt(Math.round(queueUs)) },
    },
  };
}

function clause(entry: Entry, synthesisUs: number): SpeakResponse {
  const { index, textStart, textEnd, clauseEnd, firstSample, samples } = entry;
  return {
    event: {
      $case: 'clause',
      value: {
        index,
        textStart,
        textEnd,
        clauseEnd,
        firstSample: BigInt(firstSample),
        samples: BigInt(samples),
        synthesisUs: BigInt(Math.max(0, Math.round(synthesisUs))),
      },
    },
  };
}
