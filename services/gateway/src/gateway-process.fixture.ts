import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { until } from './gateway.fixture';

export const MAIN = join(__dirname, '../dist/main.js');

export interface GatewayProcess {
  child: ChildProcess;
  http: string;
  grpc: string;
  log(): string;
}

/** The gateway as a process of its own; resolves when it is ready. */
export async function startGatewayProcess(env: Record<string, string>): Promise<GatewayProcess> {
  const child = spawn(process.execPath, [MAIN], {
    env: { ZEN_LISTEN: '127.0.0.1:0', ZEN_GRPC_LISTEN: '127.0.0.1:0', ...env },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      log += chunk;
    });
  }
  try {
    await until('it listens', () => {
      if (child.exitCode !== null) throw new Error(log);
      return log.includes('"msg":"listening"');
    });
    const line = log.split('\n').find((one) => one.includes('"msg":"listening"'));
    const { http, grpc } = JSON.parse(line ?? '{}');
    await until('it is ready', async () => (await fetch(`http://${http}/readyz`)).ok);
    return { child, http, grpc, log: () => log };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}
