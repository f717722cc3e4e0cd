import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const VERSION = '3.22.1';

export interface Timing {
  prefillMs: number;
  decodeMs: number;
  /** Tokens after the first. */
  produced: number;
}

/**
 * llama.cpp through node-llama-cpp, installed on first use under `home` (85 MB, CPU only: without the optional
 * packages, which hold a gigabyte of GPU builds).
 */
export class LlamaPeer {
  private constructor(private readonly child: ChildProcess) {}

  static async start(home: string, model: string, threads: number): Promise<LlamaPeer> {
    const script = join(__dirname, '..', 'peer', 'llama.mjs');
    const child = fork(script, [install(home), model, String(threads)], { stdio: ['ignore', 2, 2, 'ipc'] });
    await once(child, 'message');
    return new LlamaPeer(child);
  }

  async generate(tokens: number[], count: number): Promise<Timing> {
    this.child.send({ tokens, count });
    const [timing] = (await once(this.child, 'message')) as [Timing];
    return timing;
  }

  stop(): void {
    this.child.kill();
  }
}

function install(home: string): string {
  const folder = join(home, 'peers');
  const entry = join(folder, 'node_modules', 'node-llama-cpp', 'dist', 'index.js');
  if (!existsSync(entry)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
    const platform = `@node-llama-cpp/${process.platform === 'darwin' ? 'mac' : process.platform}-${process.arch}`;
    const packages = [`node-llama-cpp@${VERSION}`, `${platform}@${VERSION}`];
    execFileSync('npm', ['install', '--omit=optional', '--ignore-scripts', ...packages], {
      cwd: folder,
      stdio: ['ignore', 2, 2],
    });
  }
  return entry;
}
