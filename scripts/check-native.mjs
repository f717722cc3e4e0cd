#!/usr/bin/env node
// The native tests: plain, on aarch64 if possible, and under the sanitizers. Building them takes minutes, so the cache
// keeps the programs of these sources and this compiler, which run each time. Those under the sanitizers take minutes
// to run too: sources that have passed them are not put through them again.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

const FOLDER = 'packages/engine/native';
// npm test has built it.
const { cacheHome } = createRequire(import.meta.url)('../packages/disk');

const make = (...goals) => {
  const { status } = spawnSync('make', ['-s', '-C', FOLDER, ...goals], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};

/** Of everything that decides how the tests end. */
function fingerprint() {
  const hash = createHash('sha256');
  const files = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard', FOLDER],
    {
      encoding: 'utf8',
    },
  );
  for (const file of files.split('\0').filter((name) => name !== '' && existsSync(name))) {
    hash.update(`${file}\0`).update(readFileSync(file)).update('\0');
  }
  hash.update(execFileSync(process.env.CXX || 'g++', ['--version']));
  // Which kernels run.
  const [cpu] = existsSync('/proc/cpuinfo')
    ? (/^flags.*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8')) ?? [''])
    : [''];
  return hash.update(cpu).digest('hex');
}

/** Removes what no run has used or put there for ten minutes. */
function forget(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (Date.now() - statSync(path).mtimeMs > 600_000) rmSync(path, { recursive: true });
  }
}

/** Runs the plain tests: those of the cache, or newly built ones, which are put there for the next time. */
function checkPlain(cached) {
  const sources = readdirSync(join(FOLDER, 'test')).filter((name) => name.endsWith('.cc'));
  const tests = sources.map((name) => basename(name, '.cc'));
  if (existsSync(cached)) {
    utimesSync(cached, new Date(), new Date());
    for (const name of tests) {
      console.log(`== ${name}`);
      const { status } = spawnSync(join(cached, name), { cwd: FOLDER, stdio: 'inherit' });
      if (status !== 0) process.exit(status ?? 1);
    }
    return;
  }
  make('check-plain');
  mkdirSync(dirname(cached), { recursive: true });
  forget(dirname(cached));
  const part = mkdtempSync(`${cached}.`);
  for (const name of tests) copyFileSync(join(FOLDER, 'build', 'test', name), join(part, name));
  // Another run may have been sooner.
  if (existsSync(cached)) rmSync(part, { recursive: true });
  else renameSync(part, cached);
}

const sources = fingerprint();
const cache = cacheHome(process.env);
checkPlain(join(cache, 'native-tests', sources));
make('check-arm64');
const passed = join(cache, 'sanitized', sources);
if (existsSync(passed)) {
  console.log(`skipped: sanitizers: these sources passed them on ${readFileSync(passed, 'utf8')}`);
} else {
  make('check-sanitized');
  mkdirSync(dirname(passed), { recursive: true });
  writeFileSync(passed, new Date().toISOString());
}
