import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '@zen/config';
import { createLogger } from '@zen/telemetry';
import { packedLadder } from '@zen/testing';
import { settings } from './config';
import { startGateway } from './gateway';
import { until } from './gateway.fixture';

const THINKER = join(__dirname, '../../thinker/dist/main.js');

/** The folder of the packed ladder, or why the real server cannot be started here. */
export function realLadder(): { folder: string } | { missing: string } {
  return existsSync(THINKER) ? packedLadder() : { missing: 'the thinker is not built' };
}

export interface RealServer {
  url: string;
  model: string;
  /** `host:port` of the thinker. */
  thinkerAddress: string;
  stop(): Promise<void>;
}

/** A gateway in this process before a thinker in its own, with every stage attached. */
export async function startRealServer(ladder: string, env: Record<string, string> = {}): Promise<RealServer> {
  const thinker = await startRealThinker(ladder);
  const config = readConfig(settings, {
    ZEN_LISTEN: '127.0.0.1:0',
    ZEN_GRPC_LISTEN: '127.0.0.1:0',
    // However slow the machine: a burst is to be answered, not refused.
    ZEN_MAX_QUEUE: '1h',
    ZEN_THINKERS: thinker.address,
    ...env,
  });
  const gateway = await startGateway(config, createLogger('gateway', 'silent'));
  const url = `http://${gateway.httpAddress}`;
  let model = '';
  await until('every stage is attached', async () => {
    const { data } = (await (await fetch(`${url}/v1/models`)).json()) as {
      data: { id: string; stages?: { attached: boolean }[] }[];
    };
    // Models of speech have none.
    const written = data.find(({ stages }) => stages);
    model = written?.id ?? '';
    return written?.stages?.every(({ attached }) => attached) ?? false;
  });
  const stop = async () => {
    await gateway.stop();
    await thinker.end('SIGTERM');
  };
  return { url, model, thinkerAddress: thinker.address, stop };
}

export interface RealThinker {
  address: string;
  child: ChildProcess;
  /** Resolves with its exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

/** A thinker in a process of its own; resolves when it listens. */
export async function startRealThinker(
  ladder: string,
  env: Record<string, string> = {},
): Promise<RealThinker> {
  const child = spawn(process.execPath, [THINKER], {
    env: { ...process.env, ZEN_LADDER: ladder, ZEN_LISTEN: '127.0.0.1:0', ZEN_LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode ?? (child.signalCode as NodeJS.Signals);
  };
  return { address: await addressOf(child), child, end };
}

/** Where it listens, however long its start takes. */
function addressOf(thinker: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    thinker.stdout?.on('data', (chunk) => {
      output += chunk;
      const address = /"address":"([^"]+)"/.exec(output)?.[1];
      if (address) resolve(address);
    });
    thinker.once('exit', (code, signal) => reject(new Error(`the thinker ended with ${signal ?? code}`)));
  });
}
