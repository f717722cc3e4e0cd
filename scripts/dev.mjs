#!/usr/bin/env node
// `npm start`: packs the default model when it is not in the cache, starts thinker, gateway and delta-store as local
// processes, shows the main job on the terminal, then starts a talker, which fetches its voice, and stays up. While a quickly packed model serves, the full
// plan is packed in the background and takes over without dropping a stream. With `--bandwidth` the thinker starts
// with an empty cache and downloads its ladder at that speed, so that one can watch it climb.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { showAnswer, showBurst } from './demo.mjs';

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    model: { type: 'string', default: 'smollm2-135m-instruct' },
    port: { type: 'string', default: '8080' },
    'grpc-port': { type: 'string', default: '50050' },
    threads: { type: 'string', default: '' },
    bandwidth: { type: 'string' },
    prompt: { type: 'string', default: 'In two sentences, why is the sky blue?' },
    'no-demo': { type: 'boolean', default: false },
    'no-upgrade': { type: 'boolean', default: false },
    'no-speech': { type: 'boolean', default: false },
    once: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(`usage: npm start -- [OPTIONS]

  --model NAME       a model of \`npm run zen -- pull --help\` (default smollm2-135m-instruct)
  --port N           HTTP port of the gateway on 127.0.0.1 (default 8080)
  --grpc-port N      gRPC port of the gateway; thinkers, delta-store and talker take the seven ports after it (default 50050)
  --threads N        threads of the engine (default: all cores)
  --bandwidth RATE   start with an empty cache and download the ladder at 20mbit, 2MiB (a second) or the like, to
                     watch it climb: answers begin with the first stage; implies --no-upgrade
  --prompt TEXT      what the demonstration asks
  --no-demo          start without a demonstration
  --no-upgrade       keep serving the quickly packed model
  --no-speech        start no talker
  --once             stop after the demonstration

Models, ladders and voices are kept in $ZEN_HOME (default $XDG_CACHE_HOME/zen or ~/.cache/zen), logs in its logs/, deltas and
their keys in its delta-store/.`);
  process.exit(0);
}
const home = process.env.ZEN_HOME ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'zen');
const { ladderPath, openLadder } = await import('../packages/ladder/dist/index.js');
const { bandwidth } = await import('../packages/config/dist/index.js');
const rate = options.bandwidth === undefined ? undefined : bandwidth().safeParse(options.bandwidth);
if (rate?.success === false) {
  console.error(`--bandwidth ${options.bandwidth}: ${rate.error.issues[0].message}`);
  process.exit(2);
}
/** The node's cache of a slow download: empty at every start, gone at the end. */
const slowHome = rate && mkdtempSync(join(tmpdir(), 'zen-climb-'));
/** Lines that wait for the end of an answer, so that they do not run into it; null while none is shown. */
let waiting = null;
function say(text) {
  if (waiting) waiting.push(text);
  else console.log(`\x1b[36m[zen]\x1b[0m ${text}`);
}
const children = new Map();
let stopping = false;

/** Starts a service with its log in a file; an exit nobody asked for ends everything, or is told to `onExit`. */
function start(name, script, env, onExit = () => stop(1)) {
  mkdirSync(join(home, 'logs'), { recursive: true });
  const path = join(home, 'logs', `${name}.log`);
  const log = createWriteStream(path, { flags: 'a' });
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  children.set(name, child);
  child.on('exit', (code, signal) => {
    children.delete(name);
    if (stopping || child.retired) return;
    console.error(`${name} ended (${signal ?? code}); its log is ${path}`);
    onExit();
  });
  return child;
}

async function stop(code) {
  if (stopping) return;
  stopping = true;
  for (const child of children.values()) child.kill('SIGTERM');
  await Promise.all([...children.values()].map((child) => new Promise((done) => child.once('exit', done))));
  if (slowHome) rmSync(slowHome, { recursive: true, force: true });
  process.exit(code);
}
process.on('SIGINT', () => stop(0));
process.on('SIGTERM', () => stop(0));

/** Runs a command of `zen`, with its progress on this terminal or, in the background, with what time is left. */
function zen(command, background) {
  const argv = ['cli/dist/main.js', ...command];
  const [file, args] = background
    ? ['nice', ['-n', '19', process.execPath, ...argv]]
    : [process.execPath, argv];
  const child = spawn(file, args, {
    stdio: ['ignore', background ? 'ignore' : 2, background ? 'ignore' : 2],
  });
  if (background) children.set('zen', child);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      children.delete('zen');
      if (code === 0) resolve();
      else reject(new Error(`zen ${command.join(' ')} ended with ${code}`));
    });
  });
}

const pack = (plan, background) => zen(['pack', options.model, '--plan', plan], background);

/** Whether the stages of a packed model were measured, which is what packing does last and may have been cut off. */
async function measured(plan) {
  const { config } = await openLadder(ladderPath(home, options.model, plan));
  return config.stages.every(({ quality }) => quality !== null);
}

/** Two minutes from now; a slow download may take its time, and a process that ends is told anyway. */
function patience() {
  const until = rate ? Number.POSITIVE_INFINITY : Date.now() + 120_000;
  return () => Date.now() < until;
}

/** Resolves when the URL answers; rejects where it does not within two minutes, or once nobody is `patient`. */
async function ready(url, what, patient = patience()) {
  while (patient()) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error(`${what} is not ready after two minutes; see ${join(home, 'logs')}`);
}

/** A gateway that has ended is told by its exit; one that is only busy answers the next time. */
function unreachable() {
  return { models: [] };
}

/** Waits until the model has every stage, and says each one as it comes. */
async function climbed() {
  const started = performance.now();
  for (let top = -1; ; await new Promise((done) => setTimeout(done, 250))) {
    const report = await fetch(`${gateway}/v1/zen/progress`).then((response) => response.json(), unreachable);
    if (stopping) return;
    // No model yet while the thinker starts.
    const { stages, replicas } = report.models[0] ?? { stages: [], replicas: [] };
    const now = stages.filter(({ attached }) => attached).length - 1;
    if (now > top) {
      const megabytes = (Math.max(...replicas.map((one) => one.bytes_present)) / 1e6).toFixed(1);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const after = rate ? ` (${megabytes} MB after ${seconds} s)` : '';
      say(`serving stage ${now} of ${stages.length - 1}${after}`);
    }
    top = Math.max(top, now);
    if (now > 0 && now === stages.length - 1) return;
  }
}

const grpcPort = Number(options['grpc-port']);
const thinkerAddress = { quick: `127.0.0.1:${grpcPort + 1}`, full: `127.0.0.1:${grpcPort + 2}` };
const probeAddress = { quick: `127.0.0.1:${grpcPort + 3}`, full: `127.0.0.1:${grpcPort + 4}` };
const gateway = `http://127.0.0.1:${options.port}`;

/** A file with a random secret, made once. */
function secret(name) {
  const folder = join(home, 'delta-store');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  if (!existsSync(path)) writeFileSync(path, randomBytes(32).toString('hex'), { mode: 0o600, flag: 'wx' });
  return path;
}

const deltas = {
  ZEN_DELTA_STORE: `127.0.0.1:${grpcPort + 5}`,
  ZEN_SERVICE_KEY: secret('service.key'),
};

function startThinker(plan) {
  const folder = ladderPath(home, options.model, plan);
  // Downloads from the gateway's own shelf.
  const slow = rate && { ZEN_HOME: slowHome, ZEN_BANDWIDTH: options.bandwidth };
  return start(`thinker-${plan}`, 'services/thinker/dist/main.js', {
    ZEN_LADDER: rate ? `${gateway}/artifacts/${basename(folder)}` : folder,
    ...slow,
    ...deltas,
    ZEN_LISTEN: thinkerAddress[plan],
    ZEN_PROBE_LISTEN: probeAddress[plan],
    ...(options.threads === '' ? {} : { ZEN_THREADS: options.threads }),
  });
}

const talkerAddress = `127.0.0.1:${grpcPort + 6}`;
const talkerProbe = `127.0.0.1:${grpcPort + 7}`;

/**
 * Starts a talker, says how far its downloads are, and where it speaks once it does. Where it cannot fetch what it needs
 * it goes on trying; everything else goes on without it in any case.
 */
function startTalker() {
  const env = { ZEN_LISTEN: talkerAddress, ZEN_PROBE_LISTEN: talkerProbe };
  const talker = start('talker', 'services/talker/dist/main.js', env, () => say('going on without speech'));
  let told = '';
  let failed = false;
  createInterface({ input: talker.stdout }).on('line', (line) => {
    const { msg, voice, phase, item, bytes, err } = parsed(line);
    if (phase === 'fetching' && bytes > 0) {
      const megabytes = Math.floor(bytes / 1e6);
      // A line every 20 MB.
      const news = `${item} ${Math.floor(megabytes / 20)}`;
      if (news !== told) say(`speech: fetching ${voice}: ${item} (${megabytes} MB so far)`);
      told = news;
    }
    if (failed || !/^no (voices|ears) yet/.test(msg ?? '')) return;
    failed = true;
    say(`speech cannot be had now (${err?.message}); everything else goes on, and the talker tries again`);
  });
  const announce = () => {
    say(
      `speech ${gateway}/v1/audio/speech, /v1/audio/transcriptions; ws://127.0.0.1:${options.port}/v1/realtime`,
    );
    say(`probe  http://${talkerProbe}/metrics   (of the talker, zen.v1.TalkerService at ${talkerAddress})`);
  };
  // Stops looking with the talker; whoever stops everything hears nothing more of it.
  ready(`http://${talkerProbe}/readyz`, 'the talker', () => children.has('talker')).then(announce, () => {});
}

/** A line of a service's log; empty for any other. */
function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return {};
  }
}

try {
  const plan = existsSync(ladderPath(home, options.model, 'full')) ? 'full' : 'quick';
  if (!existsSync(ladderPath(home, options.model, plan))) {
    say(`first start: packing ${options.model} (quick plan)`);
    await pack('quick', false);
  }
  say(`starting thinker (${plan} plan), delta-store and gateway`);
  start('delta-store', 'services/delta-store/dist/main.js', {
    ...deltas,
    ZEN_DELTA_STORAGE: join(home, 'delta-store', 'storage'),
    ZEN_MASTER_KEY: secret('master.key'),
    ZEN_LISTEN: deltas.ZEN_DELTA_STORE,
    ZEN_DELTA_BASES: `${options.model}=${ladderPath(home, options.model, plan)}`,
  });
  // The gateway first: with --bandwidth it is what the thinker downloads from.
  start('gateway', 'services/gateway/dist/main.js', {
    ZEN_LISTEN: `127.0.0.1:${options.port}`,
    ZEN_GRPC_LISTEN: `127.0.0.1:${grpcPort}`,
    ...deltas,
    ...(rate ? { ZEN_ARTIFACTS: ladderPath(home, options.model, plan) } : {}),
    ...(options['no-speech'] ? {} : { ZEN_TALKERS: talkerAddress }),
    ZEN_THINKERS: plan === 'full' ? thinkerAddress.full : `${thinkerAddress.quick},${thinkerAddress.full}`,
  });
  await ready(`${gateway}/healthz`, 'the gateway');
  const first = startThinker(plan);
  say(`page   ${gateway}/   (watch it there)`);
  const climb = climbed();
  await ready(`${gateway}/readyz`, 'the model');
  if (!options['no-demo']) {
    // At full speed the answer is the top stage's, else that of what has arrived.
    if (!rate) await climb;
    waiting = [];
    await showAnswer(gateway, options.model, options.prompt);
    const held = waiting;
    waiting = null;
    for (const text of held) say(text);
    await climb;
    // An idle thinker measures what each stage costs; until it has, no stage counts as cheaper.
    await new Promise((done) => setTimeout(done, 4000));
    await showBurst(gateway, options.model, 32);
  }
  await climb;
  if (options.once) await stop(0);
  say(`page   ${gateway}/`);
  say(`HTTP   ${gateway}/v1   (OpenAI-compatible; metrics at ${gateway}/metrics)`);
  say(`gRPC   127.0.0.1:${grpcPort}   (zen.v1.GatewayService)`);
  say(`probe  http://${probeAddress[plan]}/metrics   (of the thinker)`);
  say(`chat   npm run zen -- chat --url ${gateway}`);
  say(`delta  npm run zen -- delta list --url ${gateway}`);
  say('stop   Ctrl-C');
  // After the demonstration, which it would slow down; what it fetches comes behind everything else.
  if (!options['no-speech']) startTalker();
  if (plan === 'full' && !rate && !(await measured(plan))) {
    say('measuring the stages, which was cut off before; their quality is shown from the next start on');
    const argv = ['quality', ladderPath(home, options.model, plan), '--tokens', '4096'];
    const told = await zen(argv, true).then(
      () => 'the stages are measured',
      (error) => error.message,
    );
    if (!stopping) say(told);
  }
  if (plan === 'quick' && !options['no-upgrade'] && !rate) {
    say('packing the full plan in the background; it takes over when it is done');
    await pack('full', true);
    startThinker('full');
    await ready(`http://${probeAddress.full}/readyz`, 'the second thinker');
    // Time for the gateway to see it; draining the first thinker then moves every new request to the second.
    await new Promise((done) => setTimeout(done, 5000));
    first.retired = true;
    first.kill('SIGTERM');
    say('the full plan serves now');
  }
} catch (error) {
  if (!stopping) {
    console.error(error.message);
    await stop(1);
  }
}
