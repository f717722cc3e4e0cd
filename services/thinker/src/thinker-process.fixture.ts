import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { ThinkerServiceDefinition } from '@zen/contracts';
import { client, type RpcClient } from '@zen/rpc';
import { packedLadder, serviceMissing, startService } from '@zen/testing';

const SCRIPT = join(__dirname, '..', 'dist', 'main.js');

/** The packed SmolLM2 and the built service, or why one of them is missing. */
export function builtThinker(): { folder: string } | { missing: string } {
  const missing = serviceMissing('thinker');
  return missing === null ? packedLadder() : { missing };
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

/** Starts the service as a process of its own; resolves when it listens, or has its first stage. */
export async function startProcess(
  folder: string,
  env: Record<string, string> = {},
  ready: 'listening' | 'stage attached' = 'stage attached',
): Promise<ThinkerProcess> {
  const { child, address, healthAddress, exited, end } = await startService(
    'thinker',
    { ZEN_LADDER: folder, ...env },
    ready,
  );
  const connection = client(ThinkerServiceDefinition, address);
  const stop = (signal: NodeJS.Signals = 'SIGTERM') => {
    connection.close();
    return end(signal);
  };
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
