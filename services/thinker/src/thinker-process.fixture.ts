import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ThinkerServiceDefinition } from '@zen/contracts';
import { client, type RpcClient } from '@zen/rpc';
import { packedLadder } from '@zen/testing';

const SCRIPT = join(__dirname, '..', 'dist', 'main.js');

/** The packed SmolLM2 and the built service, or why one of them is missing. */
export function builtThinker(): { folder: string } | { missing: string } {
  if (!existsSync(SCRIPT)) return { missing: 'the thinker is not built: npm run build' };
  return packedLadder();
}

export interface ThinkerProcess {
  child: ChildProcess;
  address: string;
  /** Where ZEN_HEALTH_LISTEN listens; empty without it. */
  healthAddress: string;
  client: RpcClient<typeof ThinkerServiceDefinition>;
  exited: Promise<number | string>;
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

export interface Ended {
  code: number | string;
  stdout: string;
  stderr: string;
}

/** Runs the service until it ends by itself. */
export function runThinker(argv: string[], env: Record<string, string>): Promise<Ended> {
  const child = spawn(process.execPath, [SCRIPT, ...argv], { env: { ...process.env, ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code: signal ?? code ?? -1, stdout, stderr }));
  });
}

const started = new Set<ChildProcess>();

/** Ends what a failed test has left behind. */
export function endProcesses(): void {
  for (const child of started) child.kill('SIGKILL');
}

/** Starts the service as a process of its own; resolves when it listens, or has its first stage. */
export async function startProcess(
  folder: string,
  env: Record<string, string> = {},
  ready: 'listening' | 'stage attached' = 'stage attached',
): Promise<ThinkerProcess> {
  const child = spawn(process.execPath, [SCRIPT], {
    env: { ...process.env, ZEN_LADDER: folder, ZEN_LISTEN: '127.0.0.1:0', ZEN_LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.add(child);
  const exited = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code ?? -1));
  });
  let output = '';
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      output += chunk;
      const said = /"address":"([^"]+)"/.exec(output)?.[1];
      if (said && output.includes(`"msg":"${ready}"`)) resolve(said);
    });
    void exited.then((code) => reject(new Error(`the thinker ended with ${code}`)));
  });
  const connection = client(ThinkerServiceDefinition, address);
  const stop = (signal: NodeJS.Signals = 'SIGTERM') => {
    connection.close();
    child.kill(signal);
    return exited;
  };
  const healthAddress = /"healthAddress":"([^"]+)"/.exec(output)?.[1] ?? '';
  return { child, address, healthAddress, client: connection, exited, stop };
}

/** Resolves when every stage is attached. */
export async function complete({ client: thinker }: ThinkerProcess): Promise<void> {
  // A watch ends when the model's metadata arrives; the next one goes on.
  for (;;) {
    for await (const { stages } of thinker.watch({ intervalMs: 50 })) {
      if (stages.length > 0 && stages.every(({ attached }) => attached)) return;
    }
  }
}
