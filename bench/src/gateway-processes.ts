import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freePort } from './thinker-process';

const GATEWAY = join(__dirname, '..', '..', 'services', 'gateway', 'dist', 'main.js');

export interface GatewayProcesses {
  /** `host:port` of the stand-in's gRPC server. */
  thinker: string;
  /** `http://host:port` of the gateway before it. */
  gateway: string;
  stop(): void;
}

/** A paced stand-in thinker and a gateway before it, each a process of its own, as in production. */
export async function startGatewayProcesses(pieceMs: number): Promise<GatewayProcesses> {
  const paced = fork(join(__dirname, 'paced-thinker-process.js'), [String(pieceMs)]);
  const [thinker] = (await once(paced, 'message')) as [string];
  try {
    const { url, stop } = await startGatewayProcess({ ZEN_THINKERS: thinker });
    const both = () => {
      stop();
      paced.kill('SIGKILL');
    };
    return { thinker, gateway: url, stop: both };
  } catch (error) {
    paced.kill('SIGKILL');
    throw error;
  }
}

/** A gateway as users run it: a process of its own. Resolves once it can answer. */
export async function startGatewayProcess(
  env: Record<string, string>,
  script: readonly string[] = [GATEWAY],
): Promise<{ url: string; stop(): void }> {
  const [http, grpc] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const child = spawn(process.execPath, script, {
    env: { ...process.env, ZEN_LISTEN: http, ZEN_GRPC_LISTEN: grpc, ZEN_LOG_LEVEL: 'warn', ...env },
    stdio: ['ignore', 2, 2],
  });
  const stop = () => void child.kill('SIGKILL');
  await ready(`http://${http}/readyz`, child).catch((error) => {
    stop();
    throw error;
  });
  return { url: `http://${http}`, stop };
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}`);
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
