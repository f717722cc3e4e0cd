import { createInterface } from 'node:readline/promises';
import { type Command, Option } from 'commander';
import { common, contextOf, wholeNumber } from '../context';
import { GatewayApi, type GatewayOptions, withGateway } from '../gateway-api';
import { sseData } from '../sse';

interface ChatCommandOptions extends GatewayOptions {
  json?: boolean;
  model?: string;
  delta?: string;
  stage?: number;
  minStage?: number;
  maxTokens: number;
  expertFloor?: string;
}

interface Message {
  role: 'user' | 'assistant';
  content: string;
}

interface Answer {
  text: string;
  stage: number | null;
  reason: string | null;
  /** Digest of the delta that answered; null for the base. */
  delta: string | null;
  finishReason: string | null;
  /** Pairs of a token and an expert that did not get what the stage says; absent where all did. */
  expertFalls?: ExpertFalls;
}

interface ExpertFalls {
  stand_in: number;
  without: number;
}

export function chatCommand(program: Command): void {
  withGateway(common(program.command('chat')))
    .description('talk to a gateway; says which stage answered')
    .argument('[prompt...]', 'ask once and end; without it, a conversation')
    .option('--model <name>', 'default: the first that the gateway lists')
    .option('--delta <name>', 'the delta that answers: an alias or a digest')
    .option('--stage <n>', 'answer with exactly this stage', wholeNumber(0, 4))
    .option('--min-stage <n>', 'never answer below this stage', wholeNumber(0, 4))
    .addOption(
      new Option(
        '--expert-floor <floor>',
        'the least that will do where experts of a mixture are away',
      ).choices(['exact', 'stand-in', 'without']),
    )
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

const stageNote = ({ stage, reason, delta, expertFalls }: Answer) =>
  stage === null
    ? ''
    : `[stage ${stage}: ${reason ?? 'unknown'}${delta === null ? '' : `; delta ${delta}`}${fallsNote(expertFalls)}]`;

const fallsNote = (falls: ExpertFalls | undefined) =>
  falls ? `; experts away: ${falls.stand_in} stand-ins, ${falls.without} left out` : '';

/** One conversation over the gateway's HTTP API. */
class ChatSession {
  private readonly messages: Message[] = [];
  private model: string | null;
  private readonly api: GatewayApi;

  constructor(
    private readonly options: ChatCommandOptions,
    signal: AbortSignal,
  ) {
    this.api = new GatewayApi(options, signal);
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
      delta: response.headers.get('x-zen-delta'),
      finishReason: null,
    };
    for await (const data of sseData(response.body!)) {
      if (data === '[DONE]') break;
      const event = JSON.parse(data) as {
        error?: { message: string };
        zen?: { expert_falls?: ExpertFalls };
        choices?: { delta?: { content?: string | null }; finish_reason?: string | null }[];
      };
      if (event.error) throw new Error(event.error.message);
      const choice = event.choices?.[0];
      const more = choice?.delta?.content ?? '';
      answer.text += more;
      piece(more);
      if (event.zen?.expert_falls) answer.expertFalls = event.zen.expert_falls;
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

  private call(path: string, body?: unknown): Promise<Response> {
    const { stage, minStage, delta, expertFloor } = this.options;
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (stage !== undefined) headers['x-zen-stage'] = String(stage);
    if (minStage !== undefined) headers['x-zen-min-stage'] = String(minStage);
    if (delta !== undefined) headers['x-zen-delta'] = delta;
    if (expertFloor !== undefined) headers['x-zen-expert-floor'] = expertFloor;
    const init: RequestInit = { headers };
    if (body !== undefined) Object.assign(init, { method: 'POST', body: JSON.stringify(body) });
    return this.api.call(path, init);
  }
}

const numberOf = (text: string | null) => (text === null ? null : Number(text));
