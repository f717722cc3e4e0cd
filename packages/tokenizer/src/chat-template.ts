import { Template } from '@huggingface/jinja';
import { TokenizerError } from './tokenizer-error';

/** A message as the template sees it; OpenAI's shape fits. */
export interface ChatMessage {
  role: string;
  content: string | null | readonly Readonly<Record<string, unknown>>[];
  [field: string]: unknown;
}

export interface ChatOptions {
  /** Ends with the opening of the assistant's turn. Default true. */
  addGenerationPrompt?: boolean;
  /** Tool descriptions in OpenAI's shape. A template that does not know them is not told. */
  tools?: readonly unknown[];
  /** Further variables of the template, for instance `enable_thinking`. */
  variables?: Readonly<Record<string, unknown>>;
}

export interface RenderedChat {
  text: string;
  /** Offsets in `text` where a message wrote what looks like the start of a control token. */
  plainAt: ReadonlySet<number>;
}

/** Limits on what a caller may send, against templates that copy it many times. */
const MAX_MESSAGES = 16_384;
const MAX_DEPTH = 32;
const MAX_CHARS = 64 * 1024 * 1024;

/**
 * A Jinja chat template that keeps apart what the template writes and what the messages write.
 *
 * The messages are rendered as they are, except that the first character of everything in them that is, or
 * could grow into, a control token is replaced by a stand-in: a private-use character that occurs neither in
 * the messages nor in the template. After rendering, the stand-ins are changed back and their places noted;
 * no control token may begin there. So an ordinary chat renders exactly as with the template alone, and the
 * template's logic (trimming, searching, comparing) sees the text that it expects.
 */
export class ChatTemplate {
  private readonly template: Template;
  private knowsToolsYet: boolean | undefined;

  constructor(
    private readonly source: string,
    private readonly tokens: { controlTexts: readonly string[]; bosToken: string; eosToken: string },
  ) {
    try {
      this.template = new Template(source);
    } catch (error) {
      throw new TokenizerError('bad-spec', `chatTemplate: ${message(error)}`, { cause: error });
    }
  }

  /**
   * Whether the template describes tools and writes calls as `<tool_call>{"name": …, "arguments": …}</tool_call>`, and
   * takes results. Found by trying: what stands in a template says less than what comes out of it.
   */
  get knowsTools(): boolean {
    this.knowsToolsYet ??= this.tryTools();
    return this.knowsToolsYet;
  }

  private tryTools(): boolean {
    const parameters = { type: 'object', properties: {} };
    const tools = [{ type: 'function', function: { name: 'probed', description: '', parameters } }];
    const call = { id: 'call_0', type: 'function', function: { name: 'called', arguments: { given: 1 } } };
    try {
      const { text } = this.render(
        [
          { role: 'user', content: 'asked' },
          { role: 'assistant', content: '', tool_calls: [call] },
          { role: 'tool', content: 'resulted', tool_call_id: 'call_0' },
        ],
        { tools },
      );
      const written = /<tool_call>\s*\{\s*"name":\s*"called",\s*"arguments":\s*\{\s*"given":\s*1/.test(text);
      return written && text.includes('probed') && text.includes('resulted');
    } catch (error) {
      if (error instanceof TokenizerError) return false;
      throw error;
    }
  }

  render(messages: readonly ChatMessage[], options: ChatOptions = {}): RenderedChat {
    if (messages.length > MAX_MESSAGES) {
      throw new TokenizerError('too-long', `${messages.length} messages, limit ${MAX_MESSAGES}`);
    }
    const given = { messages, tools: options.tools ?? null, variables: options.variables ?? {} };
    const standIns = new StandIns(this.tokens.controlTexts, this.source, given);
    const guarded = standIns.guard(given) as typeof given;
    let text: string;
    try {
      text = this.template.render({
        ...guarded.variables,
        messages: guarded.messages,
        ...(guarded.tools === null ? {} : { tools: guarded.tools }),
        add_generation_prompt: options.addGenerationPrompt ?? true,
        bos_token: this.tokens.bosToken,
        eos_token: this.tokens.eosToken,
      });
    } catch (error) {
      throw new TokenizerError('bad-chat', `chat template: ${message(error)}`, { cause: error });
    }
    return standIns.restore(text);
  }
}

/** One stand-in for each first character that control tokens have. */
class StandIns {
  private readonly byFirst = new Map<string, string>();
  private readonly byStandIn = new Map<string, string>();
  /** Finds every place where a control token stands, in any case, since templates change it. */
  private readonly whole: RegExp | null;
  private readonly longest: number;
  private chars = 0;

  constructor(
    private readonly controlTexts: readonly string[],
    source: string,
    given: unknown,
  ) {
    const escaped = controlTexts.map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
    this.whole = escaped.length > 0 ? new RegExp(`(?=${escaped.join('|')})`, 'gi') : null;
    this.longest = Math.max(0, ...controlTexts.map((text) => text.length));
    const used = new Set<string>();
    for (const char of source.match(/[\ue000-\uf8ff]/g) ?? []) used.add(char);
    this.visit(given, 0, (text) => {
      for (const char of text.match(/[\ue000-\uf8ff]/g) ?? []) used.add(char);
      return text;
    });
    let next = 0xe000;
    for (const first of new Set(controlTexts.flatMap((text) => casesOf(text[0]!)))) {
      while (used.has(String.fromCharCode(next))) next++;
      if (next > 0xf8ff) throw new TokenizerError('bad-chat', 'the messages use every private-use character');
      const standIn = String.fromCharCode(next++);
      this.byFirst.set(first, standIn);
      this.byStandIn.set(standIn, first);
    }
  }

  /** A copy of `given` in which every possible start of a control token is a stand-in. */
  guard(given: unknown): unknown {
    return this.visit(given, 0, (text) => this.guardText(text));
  }

  /** The rendered text without stand-ins, and where they were. */
  restore(text: string): RenderedChat {
    const plainAt = new Set<number>();
    const parts: string[] = [];
    let from = 0;
    for (const match of text.matchAll(/[\ue000-\uf8ff]/g)) {
      const first = this.byStandIn.get(match[0]);
      if (first === undefined) continue;
      plainAt.add(match.index);
      parts.push(text.slice(from, match.index), first);
      from = match.index + 1;
    }
    parts.push(text.slice(from));
    return { text: parts.join(''), plainAt };
  }

  private guardText(text: string): string {
    const starts = this.whole ? Array.from(text.matchAll(this.whole), (match) => match.index) : [];
    // What stands at the end could be completed by the template; spaces there may be trimmed before.
    const end = text.trimEnd().length;
    for (let at = Math.max(0, end - this.longest); at < end; at++) {
      const open = text.slice(at, end).toLowerCase();
      if (this.controlTexts.some((control) => control.toLowerCase().startsWith(open))) starts.push(at);
    }
    if (starts.length === 0) return text;
    const parts: string[] = [];
    let from = 0;
    for (const at of [...new Set(starts)].sort((a, b) => a - b)) {
      parts.push(text.slice(from, at), this.byFirst.get(text[at]!) ?? text[at]!);
      from = at + 1;
    }
    parts.push(text.slice(from));
    return parts.join('');
  }

  /** Copies JSON-like data with every string (keys of objects too) passed through `change`. */
  private visit(value: unknown, depth: number, change: (text: string) => string): unknown {
    if (depth > MAX_DEPTH) throw new TokenizerError('too-long', `messages nest deeper than ${MAX_DEPTH}`);
    if (typeof value === 'string') {
      this.chars += value.length;
      if (this.chars > MAX_CHARS * 2)
        throw new TokenizerError('too-long', `messages above ${MAX_CHARS} characters`);
      return change(value);
    }
    if (Array.isArray(value)) return value.map((item) => this.visit(item, depth + 1, change));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        depth === 0 ? key : change(key),
        this.visit(item, depth + 1, change),
      ]),
    );
  }
}

function casesOf(char: string): string[] {
  return [char, char.toLowerCase(), char.toUpperCase()].filter((one) => one.length === 1);
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
