import { Tokenizer, TokenizerError } from '@zen/tokenizer';
import { HearingError } from '../hearing-error';

/** Seconds of a time stamp's step. */
export const STAMP_SECONDS = 0.02;

/** What the ids of Whisper's vocabulary stand for. Ids from `firstStamp` on are times within a window. */
export class WhisperTokens {
  readonly start: number;
  readonly end: number;
  readonly before: number;
  readonly translate: number;
  readonly transcribe: number;
  readonly noSpeech: number;
  readonly noStamps: number;
  readonly firstStamp: number;
  /** Ids by ISO 639 code. */
  readonly languages: ReadonlyMap<string, number>;
  private readonly tokenizer: Tokenizer;

  /** @throws HearingError `bad-model` */
  constructor(tokenizerJson: unknown) {
    const named = new Map<string, number>();
    const added = (tokenizerJson as { added_tokens?: unknown } | null)?.added_tokens;
    for (const token of Array.isArray(added) ? added : []) {
      if (typeof token?.content === 'string' && Number.isInteger(token.id))
        named.set(token.content, token.id);
    }
    const id = (name: string): number => {
      const found = named.get(`<|${name}|>`);
      if (found === undefined) throw new HearingError('bad-model', `tokenizer.json: <|${name}|> is missing`);
      return found;
    };
    this.start = id('startoftranscript');
    this.end = id('endoftext');
    this.before = id('startofprev');
    this.translate = id('translate');
    this.transcribe = id('transcribe');
    this.noSpeech = named.has('<|nospeech|>') ? id('nospeech') : id('nocaptions');
    this.noStamps = id('notimestamps');
    this.firstStamp = this.noStamps + 1;
    this.languages = new Map(
      [...named].flatMap(([content, at]) => {
        const code = /^<\|([a-z]{2,3})\|>$/.exec(content)?.[1];
        return code ? [[code, at] as const] : [];
      }),
    );
    try {
      this.tokenizer = Tokenizer.from({
        tokenizerJson,
        chatTemplate: null,
        bosId: null,
        eosId: this.end,
        endIds: [this.end],
        addBos: false,
      });
    } catch (error) {
      if (!(error instanceof TokenizerError)) throw error;
      throw new HearingError('bad-model', `tokenizer.json: ${error.message}`, { cause: error });
    }
  }

  /** Whether an id is a piece of text: neither control nor time. */
  isText(id: number): boolean {
    return id < this.end;
  }

  isStamp(id: number): boolean {
    return id >= this.firstStamp;
  }

  /** Seconds since the window's beginning. */
  seconds(stamp: number): number {
    return (stamp - this.firstStamp) * STAMP_SECONDS;
  }

  encode(text: string): number[] {
    return [...this.tokenizer.encode(text)];
  }

  /** The text of ids, of which only pieces of text count. */
  text(ids: readonly number[]): string {
    return this.tokenizer.decode(ids.filter((id) => this.isText(id)));
  }

  bytes(ids: readonly number[]): Uint8Array {
    return this.tokenizer.decodeBytes(ids.filter((id) => this.isText(id)));
  }
}
