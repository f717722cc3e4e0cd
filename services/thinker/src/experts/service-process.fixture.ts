import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const SERVICES = join(__dirname, '..', '..', '..');
const scriptOf = (service: string) => join(SERVICES, service, 'dist', 'main.js');

/** Why a service cannot be run here; null where it can. */
export function missingService(...services: string[]): string | null {
  const missing = services.find((service) => !existsSync(scriptOf(service)));
  return missing === undefined ? null : `the ${missing} is not built: npm run build`;
}

const started = new Set<ChildProcess>();

/** Ends what a failed test has left behind. */
export function endServices(): void {
  for (const child of started) child.kill('SIGKILL');
}

/** Another service of the tree, built, in a process of its own. */
export class ServiceProcess {
  private constructor(
    readonly name: string,
    readonly address: string,
    private readonly child: ChildProcess,
  ) {}

  /** Resolves when it listens. */
  static async start(service: string, name: string, env: Record<string, string>): Promise<ServiceProcess> {
    const child = spawn(process.execPath, [scriptOf(service)], {
      env: { ...process.env, ZEN_LISTEN: '127.0.0.1:0', ZEN_LOG_LEVEL: 'info', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    started.add(child);
    const address = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const { msg, address: said } = JSON.parse(line) as { msg: string; address?: string };
        if (msg === 'listening' && said) resolve(said);
      });
      child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)));
    });
    return new ServiceProcess(name, address, child);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }
}
