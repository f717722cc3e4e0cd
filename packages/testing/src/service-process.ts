import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const SERVICES = join(__dirname, '..', '..', '..', 'services');
const scriptOf = (service: string) => join(SERVICES, service, 'dist', 'main.js');

/** Why one of these services cannot be run as a process here; null where all can. */
export function serviceMissing(...services: string[]): string | null {
  const missing = services.find((service) => !existsSync(scriptOf(service)));
  return missing === undefined ? null : `the ${missing} is not built: npm run build`;
}

const started = new Set<ChildProcess>();

/** Ends what a failed test has left behind. */
export function endServices(): void {
  for (const child of started) child.kill('SIGKILL');
}

export interface ServiceProcess {
  child: ChildProcess;
  /** `host:port` of its gRPC server. */
  address: string;
  /** `host:port` of gRPC health without TLS, and of /metrics; empty where it has none. */
  healthAddress: string;
  probeAddress: string;
  /** Its exit code, or the signal that ended it. */
  exited: Promise<number | string>;
  /** Sends a signal, and waits for the end. */
  end(signal: NodeJS.Signals): Promise<number | string>;
}

/** A built service of the tree in a process of its own; resolves when its log says `ready`. */
export async function startService(
  service: string,
  env: Readonly<Record<string, string>>,
  ready = 'listening',
): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [scriptOf(service)], {
    env: { ...process.env, ZEN_LISTEN: '127.0.0.1:0', ZEN_LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.add(child);
  const exited = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? code ?? -1));
  });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      output += chunk;
      if (output.includes(`"msg":"${ready}"`)) resolve();
    });
    void exited.then((code) => reject(new Error(`the ${service} ended with ${code}: ${output}`)));
  });
  const said = (field: string) => new RegExp(`"${field}":"([^"]+)"`).exec(output)?.[1] ?? '';
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return exited;
  };
  return {
    child,
    address: said('address'),
    healthAddress: said('healthAddress'),
    probeAddress: said('probeAddress'),
    exited,
    end,
  };
}
