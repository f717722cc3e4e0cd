#!/usr/bin/env node
// The native tests: plain, on aarch64 if possible, and under the sanitizers. Building and running those takes minutes,
// so sources that have passed them with this compiler are not put through them again: the cache keeps their hash.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const FOLDER = 'packages/engine/native';
// npm test has built it.
const { cacheHome } = createRequire(import.meta.url)('../packages/disk');

const make = (...goals) => {
  const { status } = spawnSync('make', ['-s', '-C', FOLDER, ...goals], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
};

/** Of everything that decides how the sanitized tests end. */
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

make('check-plain', 'check-arm64');
const passed = join(cacheHome(process.env), 'sanitized', fingerprint());
if (existsSync(passed)) {
  console.log(`skipped: sanitizers: these sources passed them on ${readFileSync(passed, 'utf8')}`);
} else {
  make('check-sanitized');
  mkdirSync(dirname(passed), { recursive: true });
  writeFileSync(passed, new Date().toISOString());
}
