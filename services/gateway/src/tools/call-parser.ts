import { MAX_JSON_DEPTH } from './tool-limits';
import { callOf, type WrittenCall } from './written-call';

const OPEN = '<tool_call>';
const CLOSE = '</tool_call>';
const FENCE = '```';
/** How a call without the tag begins, less white space. */
const BARE = ['{"name":"', `${FENCE}{"name":"`, `${FENCE}json{"name":"`];
/** Characters of an answer in which that has to show. */
const BARE_BEGINS = 256;
/** Longest call, characters; what is longer stays text. */
const MAX_CALL = 256 * 1024;

/** What the text turned out to be since the last time. */
export interface Parsed {
  text: string;
  calls: WrittenCall[];
}

export interface CallRules {
  /** Tools that may be called; what names another stays text. */
  names: ReadonlySet<string>;
  /** Calls after which the rest of the answer is dropped. */
  mostCalls: number;
}

type State = 'start' | 'text' | 'call' | 'after' | 'over';

/**
 * Takes calls of tools out of an answer while it is written: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`,
 * the form of Hermes and Qwen. Qwen2.5-Coder leaves the tag out, or fences the call as JSON: at the beginning of an
 * answer, and after such a call, that counts too where it has a name and arguments and nothing else. A call counts once
 * its JSON is whole and right; whatever is not stays text, to the letter. White space around calls and after the last
 * is dropped. What has come out at any point depends on the text so far alone, not on how it was cut into pieces.
 */
export class CallParser {
  private state: State = 'start';
  /** What is not decided yet. In `call` it begins with what opens the call. */
  private held = '';
  /** White space before that, in case that it is no call. */
  private space = '';
  /** What ends the call, if it comes. */
  private close = CLOSE;
  private calls = 0;
  private scan = new ObjectScan();
  private out: Parsed = { text: '', calls: [] };

  constructor(private readonly rules: CallRules) {}

  push(text: string): Parsed {
    this.held += text;
    while (this.step()) {}
    return this.take();
  }

  /** At the end of the answer: what was held back is text now. */
  finish(): Parsed {
    if (this.state === 'call') this.out.text += this.space + this.held;
    const isText = this.state === 'start' || this.state === 'text';
    if (isText && !(this.calls > 0 && this.held.trim() === '')) this.out.text += this.held;
    this.state = 'over';
    this.held = '';
    return this.take();
  }

  /** Whether there is more to decide. */
  private step(): boolean {
    switch (this.state) {
      case 'start':
        return this.stepStart();
      case 'text':
        return this.stepText();
      case 'call':
        return this.stepCall();
      case 'after':
        return this.stepAfter();
      case 'over':
        this.held = '';
        return false;
    }
  }

  private stepStart(): boolean {
    const begins = this.held.slice(0, BARE_BEGINS).replace(/\s/g, '');
    const bare = BARE.find((form) => begins.startsWith(form));
    if (!bare) {
      if (this.held.length < BARE_BEGINS && BARE.some((form) => form.startsWith(begins))) return false;
      this.state = 'text';
      return true;
    }
    if (bare.startsWith(FENCE)) this.close = FENCE;
    else if (this.close !== FENCE) this.close = '';
    this.open(this.held.search(/\S/), this.held.indexOf('{'));
    return true;
  }

  /** From `at` on it may be a call; its object begins after white space at `object`. */
  private open(at: number, object: number): void {
    this.space = this.held.slice(0, at);
    this.held = this.held.slice(at);
    this.scan = new ObjectScan(object - at);
    this.state = 'call';
  }

  private stepText(): boolean {
    const tag = this.held.indexOf(OPEN);
    const open = tag >= 0 ? tag : this.held.length - openingAt(this.held);
    const shown = this.held.slice(0, open).trimEnd().length;
    this.out.text += this.held.slice(0, shown);
    if (tag < 0) {
      this.held = this.held.slice(shown);
      return false;
    }
    this.held = this.held.slice(shown);
    this.close = CLOSE;
    this.open(tag - shown, tag - shown + OPEN.length);
    return true;
  }

  private stepCall(): boolean {
    const found = this.scan.go(this.held);
    if (found === 'open') return false;
    if (found !== 'wrong') {
      const call = callOf(this.held.slice(found.from, found.to), this.rules.names, this.close !== CLOSE);
      if (call) {
        this.out.calls.push(call);
        this.held = this.held.slice(found.to);
        this.state = ++this.calls >= this.rules.mostCalls ? 'over' : 'after';
        return true;
      }
    }
    this.out.text += this.space + this.held.slice(0, this.scan.at);
    this.held = this.held.slice(this.scan.at);
    this.state = 'text';
    return true;
  }

  private stepAfter(): boolean {
    const { close } = this;
    const rest = this.held.trimStart();
    if (rest.length < close.length && close.startsWith(rest)) return false;
    this.state = close === CLOSE ? 'text' : 'start';
    if (close === '' || !rest.startsWith(close)) return true;
    this.held = rest.slice(close.length);
    this.close = '';
    return true;
  }

  private take(): Parsed {
    const { out } = this;
    this.out = { text: '', calls: [] };
    return out;
  }
}

/** Characters at the end that could begin the tag. */
function openingAt(text: string): number {
  for (let length = Math.min(OPEN.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(OPEN.slice(0, length))) return length;
  }
  return 0;
}

/** Finds where an object that may begin after white space ends; looks at each character once. */
class ObjectScan {
  private from = -1;
  private depth = 0;
  private quoted = false;
  private escaped = false;

  /** `at`: characters looked at. */
  constructor(public at = 0) {}

  go(text: string): 'open' | 'wrong' | { from: number; to: number } {
    for (; this.at < text.length; this.at++) {
      if (this.at > MAX_CALL) return 'wrong';
      const char = text[this.at] as string;
      if (this.from < 0) {
        if (char.trim() === '') continue;
        if (char !== '{') return 'wrong';
        this.from = this.at;
      }
      if (this.quoted) {
        if (this.escaped) this.escaped = false;
        else if (char === '\\') this.escaped = true;
        else if (char === '"') this.quoted = false;
      } else if (char === '"') this.quoted = true;
      else if (char === '{' || char === '[') {
        // One more than the arguments: they stand in the call.
        if (++this.depth > MAX_JSON_DEPTH + 1) return 'wrong';
      } else if ((char === '}' || char === ']') && --this.depth === 0) {
        this.at++;
        return { from: this.from, to: this.at };
      }
    }
    return 'open';
  }
}
