import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ThinkerServiceDefinition } from '@zen/contracts';
import { client, type RpcClient } from '@zen/rpc';

const SCRIPT = join(__dirname, '..', '..', 'services', 'thinker', 'dist', 'main.js');

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

/** The thinker as users run it: a process of its own, spoken to over gRPC. */
export class ThinkerProcess {
  private constructor(
    readonly child: ChildProcess,
    readonly client: RpcClient<typeof ThinkerServiceDefinition>,
    /** `host:port` of its gRPC server. */
    readonly address: string,
  ) {}

  /** Starts it on a ladder; returns at once, before it serves. */
  static async spawn(ladder: string, env: Record<string, string> = {}): Promise<ThinkerProcess> {
    const listen = `127.0.0.1:${await freePort()}`;
    const child = spawn(process.execPath, [SCRIPT], {
      env: { ...process.env, ZEN_LADDER: ladder, ZEN_LISTEN: listen, ZEN_LOG_LEVEL: 'warn', ...env },
      stdio: ['ignore', 2, 2],
    });
    return new ThinkerProcess(child, client(ThinkerServiceDefinition, listen), listen);
  }

  /** Waits until every stage is attached. */
  async complete(): Promise<void> {
    for (;;) {
      const described = await this.client.describe({}).catch(() => undefined);
      if (described?.stages.length && described.stages.every((stage) => stage.attached)) return;
      if (this.child.exitCode !== null) throw new Error(`the thinker ended with ${this.child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Runs one greedy answer; returns milliseconds to its first text. */
  async answer(text: string, maxTokens: number): Promise<number> {
    const started = performance.now();
    let first = Number.NaN;
    const request = {
      prompt: { $case: 'text' as const, value: text },
      maxTokens,
      sampling: { temperature: 0, ignoreEos: true },
    };
    for await (const { event } of this.client.generate(request)) {
      if (event?.$case === 'piece' && Number.isNaN(first)) first = performance.now() - started;
    }
    return first;
  }

  async stop(): Promise<void> {
    this.client.close();
    this.child.kill('SIGKILL');
    await new Promise((resolve) => this.child.once('exit', resolve));
  }
}
