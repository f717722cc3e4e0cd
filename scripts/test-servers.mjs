#!/usr/bin/env node
// Installs the real programs that tests talk to, where they are missing and can be had; a test whose program is
// missing is skipped and says so. An OCI registry, Redis and a browser come from Debian, an S3 server (moto) from PyPI,
// LiveKit's agents (Apache-2.0, 290 MB) from npm.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const tools = join(dirname(fileURLToPath(import.meta.url)), '..', 'node_modules', '.zen');
const moto = join(tools, 'moto');
const MOTO = ['moto[s3,iam]==5.2.1', 'flask', 'flask-cors', 'joserfc', 'py_partiql_parser'];

const runs = (program, argv = ['--version']) => spawnSync(program, argv, { stdio: 'ignore' }).status === 0;

function attempt(what, file, argv) {
  process.stderr.write(`[zen] installing ${what} for tests\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stderr } = spawnSync(file, argv, { env, encoding: 'utf8' });
  if (status === 0) return true;
  process.stderr.write(`[zen] ${what} cannot be installed: ${stderr?.trim().split('\n').at(-1)}\n`);
  return false;
}

// Debian starts the services that it installs; these must not start, or they take their ports.
const debian = (what, packages) => {
  const policy = '/usr/sbin/policy-rc.d';
  const script = `test -e ${policy} || { printf '#!/bin/sh\\nexit 101\\n' > ${policy}; chmod +x ${policy}; made=1; }
    apt-get update -qq; apt-get install -y -qq --no-install-recommends ${packages}; status=$?
    test -z "$made" || rm ${policy}; exit $status`;
  attempt(what, 'sh', ['-c', script]);
};

const isDebianRoot = process.getuid?.() === 0 && runs('apt-get');
if (!runs('docker-registry') && isDebianRoot) debian('docker-registry', 'docker-registry openssl');
if (!runs('redis-server') && isDebianRoot) debian('redis-server', 'redis-server openssl');
if (!existsSync('/usr/bin/chromium') && isDebianRoot) {
  const install =
    'apt-get update -qq; apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core';
  attempt('chromium', 'sh', ['-c', install]);
}
if (!existsSync(join(moto, 'bin', 'moto_server')) && runs('python3', ['-m', 'venv', '--help'])) {
  mkdirSync(tools, { recursive: true });
  const made =
    attempt('a Python environment', 'python3', ['-m', 'venv', moto]) &&
    attempt('moto', join(moto, 'bin', 'pip'), ['--disable-pip-version-check', '-q', 'install', ...MOTO]);
  if (!made) rmSync(moto, { recursive: true, force: true });
}
// Not in the workspace: a client of one test, with native parts for rooms and video that nothing here uses.
const livekit = join(tools, 'livekit');
// npm writes this file when all packages are there.
if (!existsSync(join(livekit, 'node_modules', '.package-lock.json'))) {
  mkdirSync(livekit, { recursive: true });
  const packages = ['@livekit/agents@1.9.0', '@livekit/agents-plugin-openai@1.9.0'];
  const options = ['--prefix', livekit, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  if (!attempt("LiveKit's agents", 'npm', ['install', ...options, ...packages]))
    rmSync(livekit, { recursive: true, force: true });
}
