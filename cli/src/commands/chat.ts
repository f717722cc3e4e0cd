import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { common, contextOf, wholeNumber } from '../context';
import { sseData } from '../sse';

interface ChatCommandOptions {
  json?: boolean;
  url: string;
  model?: string;
  key?: string;
  stage?: number;
  minStage?: number;
  maxTokens: number;
}

interface Message {
  role: 'user' | 'assistant';
  content: string;
}

interface Answer {
  text: string;
  stage: number | null;
  reason: string | null;
  finishReason: string | null;
}

export function chatCommand(program: Command): void {
  common(program.command('chat'))
    .description('talk to a gateway; says which stage answered')
    .argument('[prompt...]', 'ask once and end; without it, a conversation')
    .option('--url <url>', 'gateway', 'http://127.0.0.1:8080')
    .option('--model <name>', 'default: the first that the gateway lists')
    .option('--key <key>', 'API key (default: $ZEN_API_KEY)')
    .option('--stage <n>', 'answer with exactly this stage', wholeNumber(0, 4))
    .option('--min-stage <n>', 'never answer below this stage', wholeNumber(0, 4))
    .option('--max-tokens <n>', 'longest answer', wholeNumber(1, 1_000_000), 512)
    .action(async (words: string[], options: ChatCommandOptions) => {
      const context = contextOf(options);
      const session = new ChatSession(options, context.signal);
      if (words.length > 0) {
        const print = options.json ? () => {} : (piece: string) => process.stdout.write(piece);
        const answer = await session.ask(words.join(' '), print);
        if (options.json) context.output.result(answer, '');
        else context.output.note(`\n${stageNote(answer)}`);
        return;
      }
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      context.signal.addEventListener('abort', () => lines.close());
      lines.setPrompt('> ');
      lines.prompt();
      for await (const line of lines) {
        if (line.trim() !== '') {
          const answer = await session.ask(line, (piece) => process.stdout.write(piece));
          process.stderr.write(`\n${stageNote(answer)}\n`);
        }
        lines.prompt();
      }
    });
}

const stageNote = ({ stage, reason }: Answer) =>
  stage === null ? '' : `[stage ${stage}: ${reason ?? 'unknown'}]`;

/** One conversation over the gateway's HTTP API. */
class ChatSession {
  private readonly messages: Message[] = [];
  private model: string | null;

  constructor(
    private readonly options: ChatCommandOptions,
    private readonly signal: AbortSignal,
  ) {
    this.model = options.model ?? null;
  }

  async ask(text: string, piece: (text: string) => void): Promise<Answer> {
    this.model ??= await this.firstModel();
    this.messages.push({ role: 'user', content: text });
    const response = await this.call('/v1/chat/completions', {
      model: this.model,
      messages: this.messages,
      max_tokens: this.options.maxTokens,
      stream: true,
    });
    const answer: Answer = {
      text: '',
      stage: numberOf(response.headers.get('x-zen-stage')),
      reason: response.headers.get('x-zen-stage-reason'),
      finishReason: null,
    };
    for await (const data of sseData(response.body!)) {
      if (data === '[DONE]') break;
      const event = JSON.parse(data) as {
        error?: { message: string };
        choices?: { delta?: { content?: string | null }; finish_reason?: string | null }[];
      };
      if (event.error) throw new Error(event.error.message);
      const choice = event.choices?.[0];
      const more = choice?.delta?.content ?? '';
      answer.text += more;
      piece(more);
      answer.finishReason = choice?.finish_reason ?? answer.finishReason;
    }
    this.messages.push({ role: 'assistant', content: answer.text });
    return answer;
  }

  private async firstModel(): Promise<string> {
    const list = (await (await this.call('/v1/models')).json()) as { data: { id: string }[] };
    const first = list.data[0];
    if (first === undefined) throw new Error(`${this.options.url} lists no model`);
    return first.id;
  }

  private async call(path: string, body?: unknown): Promise<Response> {
    const key = this.options.key ?? process.env.ZEN_API_KEY;
    const { stage, minStage } = this.options;
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (key) headers.authorization = `Bearer ${key}`;
    if (stage !== undefined) headers['x-zen-stage'] = String(stage);
    if (minStage !== undefined) headers['x-zen-min-stage'] = String(minStage);
    const init: RequestInit = { headers, signal: this.signal };
    if (body !== undefined) Object.assign(init, { method: 'POST', body: JSON.stringify(body) });
    const response = await fetch(new URL(path, this.options.url), init).catch((error: Error) => {
      const cause = error.cause instanceof Error ? error.cause.message : error.message;
      throw new Error(`${this.options.url}: ${cause}`);
    });
    if (response.ok) return response;
    const text = await response.text();
    let message = text.slice(0, 500);
    try {
      message = (JSON.parse(text) as { error?: { message?: string } }).error?.message ?? message;
    } catch {
      // not JSON: the text itself is shown
    }
    throw new Error(`${response.status} from ${path}: ${message}`);
  }
}

const numberOf = (text: string | null) => (text === null ? null : Number(text));
