import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TYPESCRIPT_RUNNER } from '@zen/testing';

/** What a child says, one line each. */
export interface ChildLine {
  opened?: string;
  present?: number;
  bytesKept?: number;
  waitingForOther?: boolean;
  done?: string;
  failed?: string;
}

export interface DownloadingChild {
  child: ChildProcess;
  lines: AsyncIterable<ChildLine>;
  /** Lines until it ends. */
  rest(): Promise<ChildLine[]>;
}

/** A process of its own that downloads a ladder; `layers`: the blocks of these alone. */
export function downloadInChild(
  uri: string,
  home: string,
  strategy = 'balanced',
  layers: number[] = [],
): DownloadingChild {
  const script = join(__dirname, 'download-in-child.ts');
  const child = spawn(
    process.execPath,
    ['-r', TYPESCRIPT_RUNNER, script, uri, home, strategy, layers.join()],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const input = createInterface({ input: child.stdout! });
  async function* read(): AsyncGenerator<ChildLine> {
    for await (const line of input) yield JSON.parse(line) as ChildLine;
  }
  const lines = read();
  return {
    child,
    lines,
    async rest() {
      const all: ChildLine[] = [];
      for await (const line of lines) all.push(line);
      return all;
    },
  };
}
