import { readConfig } from '@zen/config';
import {
  type AudioFrame,
  type Clause,
  type DescribeTalkerResponse,
  type SpeakFinished,
  SpeakRequest,
  type SpeakResponse,
  SpeakStart,
  type SpeakStarted,
  TalkerServiceDefinition,
} from '@zen/contracts';
import { client, type OpenStream, type RpcClient, type RpcError } from '@zen/rpc';
import type { SpeechEngine } from '@zen/speech';
import { createLogger } from '@zen/telemetry';
import { settings } from './config';
import type { OpenEars } from './listening/open-ears';
import { startTalker, type Talker } from './talker';

/** A talker in this process, on a port of its own. */
export class TestTalker {
  private constructor(
    readonly talker: Talker,
    readonly client: RpcClient<typeof TalkerServiceDefinition>,
    /** Everything that it has logged. */
    readonly logs: string[],
  ) {}

  static async start(
    engines: readonly SpeechEngine[],
    env: Record<string, string> = {},
    openEars?: OpenEars,
  ): Promise<TestTalker> {
    const logs: string[] = [];
    const logger = createLogger('talker', 'debug', { write: (line: string) => void logs.push(line) });
    const names = engines.map(({ voices }) => voices.map(({ name }) => name));
    const config = readConfig(settings, {
      ZEN_LISTEN: '127.0.0.1:0',
      ZEN_PROBE_LISTEN: '127.0.0.1:0',
      ZEN_TALKER_VOICES: names.flat().join(','),
      ...env,
    });
    const sources = engines.map((engine, at) => ({ voices: names[at] ?? [], open: async () => engine }));
    const talker = await startTalker(config, () => sources, logger, openEars);
    const connection = client(TalkerServiceDefinition, talker.address);
    const started = new TestTalker(talker, connection, logs);
    await started.until(({ voices }) => voices.length === names.flat().length);
    return started;
  }

  /** The first state of its watch that is as asked for. */
  async until(is: (state: DescribeTalkerResponse) => boolean): Promise<DescribeTalkerResponse> {
    for await (const { talker } of this.client.watchTalker({ intervalMs: 50 }))
      if (talker && is(talker)) return talker;
    throw new Error('the watch has ended');
  }

  speak(start: Partial<SpeakStart> | null = {}): SpeakCaller {
    return new SpeakCaller(this.client, start);
  }

  async metrics(): Promise<string> {
    return (await fetch(`http://${this.talker.probeAddress}/metrics`)).text();
  }

  async stop(): Promise<void> {
    await this.talker.stop();
    this.client.close();
  }
}

/** One Speak call, and everything that came of it. */
export class SpeakCaller {
  readonly stream: OpenStream<SpeakRequest>;
  readonly heard: SpeakResponse[] = [];
  /** Resolves with why it is over; null where it ended well. */
  readonly over: Promise<RpcError | null>;
  private readonly waiting = new Set<() => void>();
  private ended = false;

  /** Null sends no start. */
  constructor(talker: RpcClient<typeof TalkerServiceDefinition>, start: Partial<SpeakStart> | null = {}) {
    let over: (error: RpcError | null) => void;
    this.over = new Promise((resolve) => {
      over = resolve;
    });
    this.stream = talker.speak({
      message: (message) => {
        this.heard.push(message);
        this.wake();
      },
      ended: (error) => {
        this.ended = true;
        over(error);
        this.wake();
      },
    });
    if (start) this.send({ $case: 'start', value: SpeakStart.fromPartial(start as object) });
  }

  send(message: SpeakRequest['message']): this {
    this.stream.send({ message });
    return this;
  }

  say(text: string): this {
    return this.send({ $case: 'text', value: text });
  }

  end(): this {
    this.stream.end();
    return this;
  }

  /** Waits until so many messages came, or the call is over. */
  async until(count: number): Promise<void> {
    while (this.heard.length < count && !this.ended) {
      await new Promise<void>((resolve) => {
        this.waiting.add(resolve);
      });
    }
  }

  get started(): SpeakStarted | undefined {
    return this.of('started')[0];
  }

  get clauses(): Clause[] {
    return this.of('clause');
  }

  get frames(): AudioFrame[] {
    return this.of('frame');
  }

  get finished(): SpeakFinished | undefined {
    return this.of('finished')[0];
  }

  /** All frames, one after the other. */
  get samples(): Int16Array {
    const pcm = Buffer.concat(this.frames.map((frame) => frame.pcm));
    return Int16Array.from({ length: pcm.length / 2 }, (_, i) => pcm.readInt16LE(2 * i));
  }

  private wake(): void {
    for (const one of this.waiting) one();
    this.waiting.clear();
  }

  private of<C extends NonNullable<SpeakResponse['event']>['$case']>(kind: C) {
    return this.heard.flatMap(({ event }) =>
      event?.$case === kind ? [event.value as Extract<typeof event, { $case: C }>['value']] : [],
    );
  }
}

/** Proves that a call's clauses tile its text and its audio, and that its frames of 80 ms at most tile the clauses. */
export function expectTiled({ heard, finished, started }: SpeakCaller): void {
  const maxFrame = Math.floor(0.08 * (started?.sampleRate ?? 0));
  const clause = { index: -1, textEnd: 0, end: 0n };
  let position = 0n;
  const misplaced: unknown[] = [];
  for (const { event } of heard) {
    if (event?.$case === 'clause') {
      const { index, textStart, textEnd, firstSample, samples } = event.value;
      const follows = index === clause.index + 1 && textStart === clause.textEnd && textEnd >= textStart;
      if (!follows || firstSample !== clause.end || position !== clause.end) misplaced.push(event.value);
      Object.assign(clause, { index, textEnd, end: firstSample + samples });
    } else if (event?.$case === 'frame') {
      const { pcm, position: at, clause: index } = event.value;
      const samples = pcm.length / 2;
      const end = at + BigInt(samples);
      const fits = samples > 0 && samples <= maxFrame && end <= clause.end;
      if (!fits || at !== position || index !== clause.index) misplaced.push({ at, index, samples });
      position = end;
    }
  }
  expect(misplaced).toEqual([]);
  expect(position).toBe(clause.end);
  expect(finished).toMatchObject({ samples: position, textLength: clause.textEnd });
}
