import { ThinkerServiceDefinition } from '@zen/contracts';
import { client } from '@zen/rpc';
import { type GatewayProcesses, startGatewayProcesses } from './gateway-processes';
import { type BenchReport, bar, median, quantile, type Row, report } from './report';
import { agent, direct, type StreamTiming, throughGateway } from './stream-timing';

const PIECES = 64;
const PIECE_MS = 20;
const ROUNDS = 15;
/** Answers before the first round: a server that has just started runs uncompiled code. */
const WARM_UP = 1500;
const WARM_UP_AT_ONCE = 50;
const STREAMS = [100, 500, 1000];

/**
 * What the gateway adds: HTTP in, gRPC to a paced stand-in thinker, against calling the stand-in directly. One
 * client in turns, then many streams at once.
 */
export async function run(): Promise<BenchReport> {
  const processes = await startGatewayProcesses(PIECE_MS);
  try {
    const rows: Row[] = [];
    const added = await oneClient(processes, rows);
    const held = await manyStreams(processes, rows);
    return report('gateway', rows, [
      bar('gateway.ttft.p50.ms', added.ttftMs, 1.5, 'lower'),
      bar('gateway.piece.p50.ms', added.pieceMs, 1.5, 'lower'),
      bar('gateway.streams', held, 500, 'higher'),
    ]);
  } finally {
    agent.destroy();
    processes.stop();
  }
}

async function oneClient({ thinker, gateway }: GatewayProcesses, rows: Row[]) {
  const rpc = client(ThinkerServiceDefinition, thinker);
  const straight: StreamTiming[] = [];
  const through: StreamTiming[] = [];
  for (let done = 0; done < WARM_UP; done += WARM_UP_AT_ONCE) {
    await Promise.all([...Array(WARM_UP_AT_ONCE)].map(() => direct(rpc, 1)));
    await Promise.all([...Array(WARM_UP_AT_ONCE)].map(() => throughGateway(gateway, 1)));
  }
  for (let round = 0; round < ROUNDS; round++) {
    straight.push(await direct(rpc, PIECES));
    through.push(await throughGateway(gateway, PIECES));
  }
  rpc.close();
  rows.push(rowOf('direct', 1, straight), rowOf('through the gateway', 1, through));
  const ttft = (timings: StreamTiming[]) => median(timings.map(({ ttftMs }) => ttftMs));
  const delay = (timings: StreamTiming[]) => median(timings.flatMap(({ delaysMs }) => delaysMs));
  return { ttftMs: ttft(through) - ttft(straight), pieceMs: delay(through) - delay(straight) };
}

/** The most streams at once of which not one lost a piece. */
async function manyStreams({ thinker, gateway }: GatewayProcesses, rows: Row[]): Promise<number> {
  let held = 0;
  for (const streams of STREAMS) {
    const rpc = client(ThinkerServiceDefinition, thinker);
    const all = <T>(one: () => Promise<T>) => Promise.all([...Array(streams)].map(one));
    rows.push(rowOf('direct', streams, await all(() => direct(rpc, PIECES))));
    rpc.close();
    const through = await all(() => throughGateway(gateway, PIECES));
    rows.push(rowOf('through the gateway', streams, through));
    if (through.every(isWhole)) held = streams;
  }
  return held;
}

function isWhole({ whole, delaysMs }: StreamTiming): boolean {
  return whole && delaysMs.length === PIECES;
}

function rowOf(path: string, streams: number, timings: StreamTiming[]): Row {
  const ttft = timings.map(({ ttftMs }) => ttftMs);
  const gaps = timings.flatMap(({ gapsMs }) => gapsMs);
  const delays = timings.flatMap(({ delaysMs }) => delaysMs);
  return {
    path,
    streams,
    'ttft p50 ms': median(ttft),
    'ttft p99 ms': quantile(ttft, 0.99),
    'gap p50 ms': median(gaps),
    'gap p99 ms': quantile(gaps, 0.99),
    'delay p50 ms': median(delays),
    'delay p99 ms': quantile(delays, 0.99),
    lost: timings.filter((timing) => !isWhole(timing)).length,
  };
}
