import { type AddedToken, AddedTokenMatcher } from './added-tokens';
import { type ChatOptions, ChatTemplate, type RenderedChat } from './chat-template';
import { IdBuffer } from './id-buffer';
import { IncrementalDecoder } from './incremental-decoder';
import { plainToolTurns, type ToolTurn } from './plain-tool-turns';
import type { TokenizerSpec } from './spec';
import type { Splitter } from './split-text';
import { TokenizerError } from './tokenizer-error';
import { type ParsedTokenizer, parseTokenizerJson } from './tokenizer-json';
import { WordEncoder } from './word-encoder';

export interface EncodeOptions {
  /** Whether control tokens written in the text become control tokens. Default false: they stay text. */
  parseSpecial?: boolean;
  /** Starts with the BOS token if the model wants one (`spec.addBos`). Default false. */
  addBos?: boolean;
  /** Fails as soon as there are more tokens; bounds the time that a hostile text can take. */
  maxTokens?: number;
  /** UTF-16 offsets where no control token may begin, in spite of `parseSpecial`. */
  plainAt?: ReadonlySet<number>;
}

/** Longest text that is encoded, in UTF-16 units. */
export const MAX_TEXT = 64 * 1024 * 1024;

/** Byte-level BPE, byte-exact against the `tokenizers` library. Holds no state between calls but a cache. */
export class Tokenizer {
  readonly bosId: number | null;
  readonly eosId: number;
  /** Ids that end an answer. */
  readonly endIds: ReadonlySet<number>;
  /** Longest token in bytes: a text of n bytes has at least n / maxTokenBytes tokens. */
  readonly maxTokenBytes: number;
  private readonly raw: AddedTokenMatcher;
  private readonly normalized: AddedTokenMatcher;
  private readonly controlIds: ReadonlySet<number>;
  private readonly words: WordEncoder;
  private readonly chat: ChatTemplate | null;

  private constructor(
    private readonly parsed: ParsedTokenizer,
    private readonly spec: Omit<TokenizerSpec, 'tokenizerJson'>,
  ) {
    this.bosId = spec.bosId;
    this.eosId = spec.eosId;
    this.endIds = new Set(spec.endIds);
    this.maxTokenBytes = parsed.bytes.reduce((max, bytes) => Math.max(max, bytes.length), 1);
    this.raw = new AddedTokenMatcher(parsed.added.filter((token) => !token.normalized));
    this.normalized = new AddedTokenMatcher(parsed.added.filter((token) => token.normalized));
    const control = parsed.added.filter((token) => token.control);
    this.controlIds = new Set(control.map((token) => token.id));
    this.words = new WordEncoder(parsed);
    this.chat =
      spec.chatTemplate === null
        ? null
        : new ChatTemplate(spec.chatTemplate, {
            controlTexts: control.map((token) => token.content),
            bosToken: this.tokenText(spec.bosId),
            eosToken: this.tokenText(spec.eosId),
          });
  }

  /** Checks the whole description; an error names the field. */
  static from(spec: TokenizerSpec): Tokenizer {
    const parsed = parseTokenizerJson(spec.tokenizerJson);
    for (const [field, ids] of Object.entries({
      bosId: [spec.bosId],
      eosId: [spec.eosId],
      endIds: spec.endIds,
    })) {
      for (const id of ids) {
        if (id !== null && !(Number.isInteger(id) && id >= 0 && id < parsed.vocabSize)) {
          throw new TokenizerError('bad-spec', `${field}: ${id} is not below ${parsed.vocabSize}`);
        }
      }
    }
    return new Tokenizer(parsed, spec);
  }

  /** Number of ids; may exceed the number of tokens where ids are unused. */
  get vocabSize(): number {
    return this.parsed.vocabSize;
  }

  /** True for tokens that steer the model and never belong in shown text. */
  isControl(id: number): boolean {
    return this.controlIds.has(id);
  }

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    if (text.length > MAX_TEXT) {
      throw new TokenizerError('too-long', `text has ${text.length} characters, limit ${MAX_TEXT}`);
    }
    const into = new IdBuffer(options.maxTokens ?? Number.MAX_SAFE_INTEGER);
    if (options.addBos && this.spec.addBos && this.bosId !== null) into.push([this.bosId]);
    const { parseSpecial = false, plainAt } = options;
    const allowed = (token: AddedToken, start: number) =>
      !token.control || (parseSpecial && !(plainAt?.has(start) ?? false));
    // Offsets of the original mean nothing in normalized text: there, a protected text has no control tokens.
    const allowedNormalized = (token: AddedToken) => !token.control || (parseSpecial && !plainAt?.size);
    // Half a surrogate pair is no character; the conversion to UTF-8 makes it U+FFFD.
    this.around(this.raw, text, allowed, into, (piece) =>
      this.around(this.normalized, this.parsed.normalize(piece), allowedNormalized, into, (plain) =>
        this.split(plain, 0, plain.length, 0, into),
      ),
    );
    return into.take();
  }

  /** Pushes the added tokens of a text, and hands what lies between them to `between`. */
  private around(
    matcher: AddedTokenMatcher,
    text: string,
    allowed: (token: AddedToken, start: number) => boolean,
    into: IdBuffer,
    between: (piece: string) => void,
  ): void {
    let at = 0;
    for (let match = matcher.find(text, 0, allowed); match; match = matcher.find(text, at, allowed)) {
      if (match.start > at) between(text.slice(at, match.start));
      into.push([match.token.id]);
      at = match.end;
    }
    if (at < text.length) between(text.slice(at));
  }

  private split(text: string, start: number, end: number, step: number, into: IdBuffer): void {
    const splitter: Splitter | undefined = this.parsed.splitters[step];
    if (!splitter) this.words.encode(text.slice(start, end), into);
    else splitter(text, start, end, (from, to) => this.split(text, from, to, step + 1, into));
  }

  /** The bytes that a token stands for; empty for an id that no token has. */
  tokenBytes(id: number): Uint8Array {
    const bytes = this.parsed.bytes[id];
    if (!bytes) throw new TokenizerError('bad-id', `token id ${id}, must be 0 to ${this.vocabSize - 1}`);
    return bytes;
  }

  /**
   * Bytes of the ids 0 to `vocabSize - 1` one after another, and where each begins (`vocabSize + 1` offsets).
   * A model may have more rows than the tokenizer has ids; those stand for nothing.
   */
  byteTable(vocabSize: number): { bytes: Uint8Array; offsets: Uint32Array } {
    const ids = Array.from({ length: Math.min(vocabSize, this.vocabSize) }, (_, id) => id);
    const offsets = new Uint32Array(vocabSize + 1);
    for (let id = 0; id < vocabSize; id++) {
      offsets[id + 1] = (offsets[id] ?? 0) + (id < ids.length ? this.tokenBytes(id).length : 0);
    }
    return { bytes: this.decodeBytes(ids), offsets };
  }

  decodeBytes(ids: Iterable<number>): Uint8Array {
    const parts: Uint8Array[] = [];
    let length = 0;
    for (const id of ids) {
      const bytes = this.tokenBytes(id);
      parts.push(bytes);
      length += bytes.length;
    }
    const all = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  /** Text of the ids; bytes that are no UTF-8 become U+FFFD. */
  decode(ids: Iterable<number>, options: { skipControl?: boolean } = {}): string {
    const shown = options.skipControl ? [...ids].filter((id) => !this.isControl(id)) : ids;
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.decodeBytes(shown));
  }

  /** A decoder for one stream of tokens. Control tokens are the caller's to leave out. */
  incremental(): IncrementalDecoder {
    return new IncrementalDecoder((id) => this.tokenBytes(id));
  }

  /** Whether `renderChat` can be called: base models have no template. */
  get hasChatTemplate(): boolean {
    return this.chat !== null;
  }

  /**
   * Renders a chat and encodes it. Control tokens of the template count, those written in a message stay
   * text, wherever the message came from. Tools, calls and results are for a template that does not know them put
   * into turns that it knows. The answer goes on after `answerPrefix`.
   */
  renderChat(
    messages: readonly ToolTurn[],
    options: ChatOptions & Pick<EncodeOptions, 'maxTokens'> & { answerPrefix?: string } = {},
  ): Int32Array {
    if (!this.chat) throw new TokenizerError('bad-chat', 'the model has no chat template');
    const { maxTokens = Number.MAX_SAFE_INTEGER, answerPrefix = '' } = options;
    const { text, plainAt } = this.rendered(this.chat, messages, options);
    const ids = this.encode(text, { parseSpecial: true, plainAt, maxTokens });
    if (answerPrefix === '') return ids;
    // By itself: templates end with a line break or a control token, over which no token reaches.
    const begun = this.encode(answerPrefix, { maxTokens: maxTokens - ids.length });
    return Int32Array.from([...ids, ...begun]);
  }

  private rendered(chat: ChatTemplate, messages: readonly ToolTurn[], options: ChatOptions): RenderedChat {
    const { tools = [] } = options;
    const uses = tools.length > 0 || messages.some(({ role, tool_calls: calls }) => role === 'tool' || calls);
    if (!uses || chat.knowsTools) return chat.render(messages, options);
    return chat.render(plainToolTurns(messages, tools), { ...options, tools: [] });
  }

  private tokenText(id: number | null): string {
    return id === null ? '' : new TextDecoder().decode(this.tokenBytes(id));
  }
}
