import type { ListenResponse, Transcript } from '@zen/contracts';
import type { EndedSpeech, Replay, UnansweredSpeech } from './unanswered-speech';

type ListenEvent = NonNullable<ListenResponse['event']>;

/**
 * What several talkers, one after the other, hear of one speaker, told as if one had heard it: positions and numbers of
 * utterances go on, a start or an end that was told is not told again, and what is settled in a partial stays.
 */
export class SameSpeech {
  /** Bytes of all audio where the talker at hand began to count. */
  private base = 0;
  /** Ends that are told to it again, by the tags that stand for them. */
  private again = new Map<string, EndedSpeech>();
  /** Whose start it is to find again; somebody who is not found until then is taken to have stopped. */
  private lookedFor: { utterance: number; untilMs: number } | null = null;
  /** Its numbers of utterances, and ours. */
  private readonly numbers = new Map<number, number>();
  private nextNumber = 0;
  private settled = { utterance: -1, text: '' };

  constructor(
    private readonly speech: UnansweredSpeech,
    private readonly bytesPerMs: number,
    private readonly tell: (event: ListenEvent) => void,
  ) {}

  /** Another talker is given the replay, and what it tells is heard from here on. */
  goOn({ base, ended, open }: Replay, untilMs: number): void {
    this.base = base;
    this.again = ended;
    this.lookedFor = open === null ? null : { utterance: open, untilMs };
    this.numbers.clear();
  }

  /** What was heard is forgotten. */
  cleared(): void {
    this.lookedFor = null;
  }

  /** Nobody is left waiting for the end of what was told to have begun: the tag to commit it with, or null. */
  giveUp(nowMs: number): string | null {
    const { lookedFor } = this;
    if (!lookedFor || nowMs < lookedFor.untilMs) return null;
    this.lookedFor = null;
    const { utterance } = lookedFor;
    const ended = this.speech.endUnheard(utterance);
    if (!ended) return null;
    const tag = `unheard_${utterance}`;
    this.again.set(tag, ended);
    const positionMs = BigInt(Math.floor(ended.at / this.bytesPerMs));
    this.tell({ $case: 'speechStopped', value: { utterance, positionMs } });
    return tag;
  }

  hear(event: ListenEvent): void {
    switch (event.$case) {
      case 'speechStarted':
        this.started(event.value.utterance, this.position(event.value.positionMs));
        break;
      case 'speechStopped': {
        const utterance = this.numbers.get(event.value.utterance);
        if (utterance === undefined) return;
        this.stopped(utterance, this.position(event.value.positionMs));
        break;
      }
      case 'transcript':
        if (event.value.final) this.final(event.value);
        else this.partial(event.value);
    }
  }

  private started(theirs: number, positionMs: number): void {
    const { lookedFor } = this;
    this.lookedFor = null;
    if (lookedFor) {
      this.numbers.set(theirs, lookedFor.utterance);
      return;
    }
    const utterance = this.number(theirs);
    this.speech.started(utterance, positionMs);
    this.tell({ $case: 'speechStarted', value: { utterance, positionMs: BigInt(positionMs) } });
  }

  private stopped(utterance: number, positionMs: number): void {
    this.speech.stopped(utterance, positionMs);
    this.tell({ $case: 'speechStopped', value: { utterance, positionMs: BigInt(positionMs) } });
  }

  private partial(transcript: Transcript): void {
    // Of what has ended only the final words are still wanted.
    if (this.again.size > 0 && !this.numbers.has(transcript.utterance)) return;
    const utterance = this.number(transcript.utterance);
    const { text, stableLength } = transcript;
    const { settled } = this;
    if (settled.utterance === utterance && !text.startsWith(settled.text)) return;
    if (settled.utterance !== utterance || stableLength > settled.text.length)
      this.settled = { utterance, text: text.slice(0, stableLength) };
    this.transcript(transcript, { utterance });
  }

  private final(transcript: Transcript): void {
    const { tag } = transcript;
    const again = this.again.get(tag);
    const utterance = again?.utterance ?? this.number(transcript.utterance);
    this.numbers.delete(transcript.utterance);
    this.again.delete(tag);
    this.speech.answered((one) =>
      again ? one === again : tag === '' ? one.utterance === utterance : one.tag === tag,
    );
    // A commit of the client's has taken it.
    if (!again && tag !== '') this.lookedFor = null;
    const startMs = again?.startMs ?? undefined;
    this.transcript(transcript, {
      utterance,
      ...(again ? { tag: again.tag } : {}),
      ...(startMs === undefined ? {} : { startMs: BigInt(startMs) }),
    });
  }

  private transcript(transcript: Transcript, ours: Partial<Transcript>): void {
    const startMs = BigInt(this.position(transcript.startMs));
    const endMs = BigInt(this.position(transcript.endMs));
    this.tell({ $case: 'transcript', value: { ...transcript, startMs, endMs, ...ours } });
  }

  private number(theirs: number): number {
    const known = this.numbers.get(theirs);
    if (known !== undefined) return known;
    const ours = this.nextNumber++;
    this.numbers.set(theirs, ours);
    return ours;
  }

  private position(ms: bigint): number {
    return this.base / this.bytesPerMs + Number(ms);
  }
}
