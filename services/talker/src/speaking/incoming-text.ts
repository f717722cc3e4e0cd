import type { SpeakRequest, TalkerPrompt } from '@zen/contracts';
import type { SpeechSession, VoiceInfo } from '@zen/speech';
import type { PromptReader } from '../request/prompt-reader';
import { invalid } from '../talker-error';

const MAX_PIECE_BYTES = 65_536;
const MAX_PIECE_IDS = 16_384;
const TOGETHER_US = 2000;

/** How much was there at which moment. */
interface Mark {
  length: number;
  /** Everything up to `length` is to be said, whether or not its clause is whole. */
  flushed: boolean;
  atUs: number;
}

/** The rest of a call's messages: hands them to the session, and remembers when what came. */
export class IncomingText {
  /** UTF-16 code units or ids so far. */
  length = 0;
  private bytes = 0;
  /** The text from `keptFrom` on; empty for voices that take ids. */
  private kept = '';
  private keptFrom = 0;
  /** In order; those of clauses that were made are forgotten. */
  private marks: Mark[] = [];

  constructor(
    private readonly session: Pick<SpeechSession, 'push' | 'pushPrompt' | 'flush' | 'end'>,
    private readonly voice: VoiceInfo,
    private readonly maxBytes: number,
    private readonly nowUs: () => number,
    private readonly prompts: PromptReader,
  ) {}

  /** Reads to the end of the text; `moved` is called for each message. Throws a TalkerError for a bad one. */
  async take(messages: AsyncIterator<SpeakRequest>, moved: () => void): Promise<void> {
    for (;;) {
      const { value, done } = await messages.next();
      if (done) break;
      this.message(value as SpeakRequest);
      moved();
    }
    if (this.prompts.waits) throw invalid('prompt', 'ended before its last piece');
    this.mark(true);
    this.session.end();
  }

  /** When the text came that made the clause up to `end` whole; now where that cannot be told. */
  wholeSinceUs(end: number): number {
    const made = this.marks.find(({ length, flushed }) => length > end || (flushed && length >= end));
    // A voice that needs to see nothing beyond a clause's end.
    const at = made ?? this.marks.find(({ length }) => length >= end);
    this.marks = this.marks.filter(({ length }) => length >= end);
    return at?.atUs ?? this.nowUs();
  }

  /** Where the last word ends that ends at or before `at`; `from` where none does. What is before `from` is forgotten. */
  wordEnd(from: number, at: number): number {
    if (this.voice.takesTokenIds) return Math.max(from, at);
    this.kept = this.kept.slice(from - this.keptFrom);
    this.keptFrom = from;
    for (let end = at - from; end > 0; end--)
      if (/^(\s|$)/.test(this.kept.slice(end, end + 1))) return from + end;
    return from;
  }

  private message({ message }: SpeakRequest): void {
    switch (message?.$case) {
      case 'text':
        this.text(message.value);
        return;
      case 'tokens':
        this.ids(message.value.ids);
        return;
      case 'flush':
        this.mark(true);
        this.session.flush();
        return;
      case 'prompt':
        this.prompt(message.value);
        return;
      case 'start':
        throw invalid('start', 'came before');
      default:
        throw invalid('message', 'none is set');
    }
  }

  private text(text: string): void {
    if (this.voice.takesTokenIds) throw invalid('text', `${this.voice.name} takes token ids`);
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_PIECE_BYTES) throw invalid('text', `${bytes} bytes, limit ${MAX_PIECE_BYTES}`);
    this.count('text', bytes);
    this.length += text.length;
    this.kept += text;
    this.mark(false);
    this.session.push(text);
  }

  private prompt(piece: TalkerPrompt): void {
    if (this.voice.takesTokenIds && !this.prompts.waits) {
      throw invalid('prompt', 'no piece is waited for: the one before it did not say `more`');
    }
    const read = this.prompts.read(piece);
    if (!this.session.pushPrompt) throw invalid('prompt', `${this.voice.name} takes it in one piece`);
    this.session.pushPrompt(read);
  }

  private ids(ids: number[]): void {
    if (!this.voice.takesTokenIds) throw invalid('tokens', `${this.voice.name} takes text`);
    if (this.prompts.waits) throw invalid('tokens', "came before the prompt's last piece");
    if (ids.length > MAX_PIECE_IDS) throw invalid('tokens.ids', `${ids.length} ids, limit ${MAX_PIECE_IDS}`);
    this.count('tokens', 4 * ids.length);
    this.length += ids.length;
    this.mark(false);
    this.session.push(Uint32Array.from(ids));
  }

  private count(field: string, bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.maxBytes) throw invalid(field, `more than ${this.maxBytes} bytes in all`);
  }

  private mark(flushed: boolean): void {
    const last = this.marks.at(-1);
    // Flushing again what is flushed says nothing new, and a client may do so without end.
    if (last?.length === this.length && (last.flushed || !flushed)) return;
    const atUs = this.nowUs();
    // Text comes in pieces of a few characters; what comes together is remembered together.
    if (last && !last.flushed && !flushed && atUs - last.atUs < TOGETHER_US) last.length = this.length;
    else this.marks.push({ length: this.length, flushed, atUs });
  }
}
