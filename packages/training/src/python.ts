import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** `tune` trains a ladder's scales, `finetune` makes models to build deltas of. */
export type Training = 'tune' | 'finetune';

/** A training's scripts, beside the packages. */
export function scriptFolder(training: Training): string {
  return join(__dirname, '..', '..', '..', 'infra', training);
}

/** Runs a program; every line of its output goes to `line`. Fails with the end of its error output. */
export async function runLines(
  file: string,
  args: string[],
  line: (text: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], signal });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => {
    errors = (errors + data.toString()).slice(-4000);
  });
  createInterface({ input: child.stdout }).on('line', line);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}\n${errors.trim()}`);
}

/** Python of a training's environment below the cache folder; made on first use, made again when it changes. */
export async function trainingPython(training: Training, home: string, signal: AbortSignal): Promise<string> {
  const requirements = join(scriptFolder(training), 'requirements.txt');
  const wanted = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex');
  const folder = join(home, 'venv', training);
  const python = join(folder, 'bin', 'python');
  const stamp = join(folder, 'requirements.sha256');
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === wanted) return python;
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(home, 'venv'), { recursive: true });
  await runLines('python3', ['-m', 'venv', folder], () => {}, signal);
  await runLines(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements], () => {}, signal);
  await writeFile(stamp, wanted);
  return python;
}
