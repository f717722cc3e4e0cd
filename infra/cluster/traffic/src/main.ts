// Keeps chat streams running against a gateway, checks every byte of each, and prints what happened, a line of JSON
// each. Runs as a pod beside the gateway, because a forwarded port would end with the pod that it leads to.
import { ASKS } from './asks';
import { grpcStream } from './grpc-stream';
import { sseStream } from './sse-stream';
import type { Stream, Terms } from './stream';

/** One line of the output; `n` counts the lines, so that a reader who came back knows which it has seen. */
export type TrafficLine = { n: number; atMs: number } & (
  | { t: 'ready'; references: Record<string, number> }
  | { t: 'second'; pieces: number; open: number }
  | {
      t: 'stream';
      kind: Kind;
      ask: string;
      outcome: 'ok' | 'altered' | 'failed';
      why: string;
      ms: number;
      longestGapMs: number;
      retried: string[];
      resumed: string[];
    }
  | { t: 'end' }
);

type Kind = 'sse' | 'grpc';
/** The same without what `print` adds. */
type Unnumbered<T> = T extends unknown ? Omit<T, 'n' | 'atMs'> : never;

let lines = 0;
function print(line: Unnumbered<TrafficLine>): void {
  process.stdout.write(`${JSON.stringify({ n: lines++, atMs: Date.now(), ...line })}\n`);
}

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

async function main(): Promise<void> {
  const terms: Terms = { model: setting('MODEL'), stage: Number(setting('STAGE')) };
  const concurrency = Number(setting('CONCURRENCY'));
  const streams: Record<Kind, Stream> = {
    sse: sseStream(setting('GATEWAY_HTTP'), process.env.API_KEY),
    grpc: grpcStream(setting('GATEWAY_GRPC').split(','), process.env.API_KEY),
  };
  const stopping = new AbortController();
  process.once('SIGTERM', () => stopping.abort());
  const references = await referencesOf(streams, terms, stopping.signal);
  const lengths = Object.entries(references).map(([name, text]) => [name, text.length]);
  print({ t: 'ready', references: Object.fromEntries(lengths) });
  let pieces = 0;
  let open = 0;
  const timer = setInterval(() => {
    print({ t: 'second', pieces, open });
    pieces = 0;
  }, 1000);
  const kinds: Kind[] = ['sse', 'grpc'];
  const worker = async (index: number) => {
    const kind = kinds[index % kinds.length] ?? 'sse';
    for (let turn = index; !stopping.signal.aborted; turn++) {
      const ask = ASKS[turn % ASKS.length];
      if (!ask) throw new Error('no question');
      open++;
      const began = performance.now();
      let last = began;
      let longestGapMs = 0;
      const retried: string[] = [];
      const resumed: string[] = [];
      const listener = {
        piece: () => {
          const now = performance.now();
          longestGapMs = Math.max(longestGapMs, now - last);
          last = now;
          pieces++;
        },
        retried: (why: string) => retried.push(why),
        resumed: (why: string) => resumed.push(why),
      };
      let outcome: 'ok' | 'altered' | 'failed' = 'ok';
      let why = '';
      try {
        // Streams that are open when the traffic stops are finished: they count too.
        const text = await streams[kind](ask, terms, listener, new AbortController().signal);
        if (text !== references[ask.name]) {
          outcome = 'altered';
          why = JSON.stringify({ expected: references[ask.name], text });
        }
      } catch (error) {
        outcome = 'failed';
        why = (error as Error).message;
      }
      open--;
      const ms = Math.round(performance.now() - began);
      const gap = Math.round(longestGapMs);
      print({ t: 'stream', kind, ask: ask.name, outcome, why, ms, longestGapMs: gap, retried, resumed });
      // A gateway that is gone must not be asked a thousand times a second.
      if (outcome === 'failed') await new Promise((resolve) => setTimeout(resolve, 500));
    }
  };
  await Promise.all([...Array(concurrency).keys()].map(worker));
  clearInterval(timer);
  print({ t: 'end' });
  process.exit(0);
}

/** The answers of an undisturbed fleet; both doors have to give the same. */
async function referencesOf(
  streams: Record<Kind, Stream>,
  terms: Terms,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const ignore = { piece: () => undefined, retried: () => undefined, resumed: () => undefined };
  const references: Record<string, string> = {};
  for (const ask of ASKS) {
    const [sse, grpc] = await Promise.all([
      streams.sse(ask, terms, ignore, signal),
      streams.grpc(ask, terms, ignore, signal),
    ]);
    if (sse !== grpc) throw new Error(`${ask.name}: the doors differ: ${JSON.stringify({ sse, grpc })}`);
    if (sse === '') throw new Error(`${ask.name}: an empty answer proves nothing`);
    references[ask.name] = sse;
  }
  return references;
}

main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exit(1);
});
