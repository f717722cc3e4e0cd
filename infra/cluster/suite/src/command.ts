import { spawn } from 'node:child_process';

export interface CommandOptions {
  /** Milliseconds until it is killed; default 60,000. */
  timeoutMs?: number;
  /** Text for its standard input. */
  input?: string;
  env?: Record<string, string>;
}

export interface CommandResult {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, whatever it ends with. Throws where it cannot be started or takes too long. */
export function attempt(file: string, argv: string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { timeoutMs = 60_000, input = '', env = {} } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(file, argv, { env: { ...process.env, ...env } });
    const what = `${file.split('/').at(-1)} ${argv.join(' ')}`;
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(timer);
      if (late) reject(new Error(`${what}: not done within ${timeoutMs / 1000} s\n${stdout}${stderr}`));
      else resolve({ status: status ?? -1, stdout, stderr });
    });
    // A program that ends without reading breaks the pipe; its status says why.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** Runs a program that must end with 0 and returns its output. */
export async function run(file: string, argv: string[], options: CommandOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await attempt(file, argv, options);
  if (status === 0) return stdout;
  throw new Error(`${file.split('/').at(-1)} ${argv.join(' ')}: exit ${status}\n${stderr || stdout}`);
}
