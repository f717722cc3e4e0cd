import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why no real Redis can be started here; null where one can. */
export function redisMissing(): string | null {
  const { status } = spawnSync('redis-server', ['--version'], { stdio: 'ignore' });
  return status === 0 ? null : 'redis-server is not installed';
}

/** A real Redis server of this test, without persistence, on a free port that it keeps over restarts. */
export class RedisServer {
  private child: ChildProcess | undefined;
  private folder = '';
  port = 0;

  constructor(
    private readonly argv: readonly string[] = [],
    /** PEM files; with them it speaks TLS alone. */
    private readonly tls?: { cert: string; key: string; ca: string },
  ) {}

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.folder ||= await mkdtemp(join(tmpdir(), 'zen-redis-'));
    this.port ||= await freePort();
    const files = ['--dir', this.folder, '--save', '', '--appendonly', 'no'];
    const ports = this.tls
      ? ['--port', '0', '--tls-port', String(this.port), '--tls-auth-clients', 'no']
      : ['--port', String(this.port)];
    const { cert, key, ca } = this.tls ?? {};
    const pem =
      cert && key && ca ? ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', ca] : [];
    const listen = [...ports, ...pem, '--bind', '127.0.0.1'];
    const child = spawn('redis-server', [...listen, ...files, ...this.argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.child = child;
    await new Promise<void>((resolve, reject) => {
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk;
        if (/Ready to accept connections/.test(output)) resolve();
      });
      child.once('exit', () => reject(new Error(`redis-server ended: ${output.slice(-500)}`)));
    });
  }

  /** Runs redis-cli against it; `argv` may hold options such as `-a`. */
  cli(...argv: string[]): string {
    const { stdout, stderr, status } = spawnSync('redis-cli', ['-p', String(this.port), ...argv], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`redis-cli ${argv[0]}: ${stderr}`);
    return stdout.trim();
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.child?.kill(name);
  }

  /** Ends it as a crash would; what it held is lost. */
  async kill(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async stop(): Promise<void> {
    await this.kill();
    if (this.folder) await rm(this.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
