#!/usr/bin/env node
// `npm start`: packs the default model when it is not in the cache, starts thinker and gateway as local
// processes, shows the main job on the terminal, then stays up. While a quickly packed model serves, the full
// plan is packed in the background and takes over without dropping a stream.
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { showAnswer, showBurst } from './demo.mjs';

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    model: { type: 'string', default: 'smollm2-135m-instruct' },
    port: { type: 'string', default: '8080' },
    'grpc-port': { type: 'string', default: '50050' },
    threads: { type: 'string', default: '' },
    prompt: { type: 'string', default: 'In two sentences, why is the sky blue?' },
    'no-demo': { type: 'boolean', default: false },
    'no-upgrade': { type: 'boolean', default: false },
    once: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(`usage: npm start -- [OPTIONS]

  --model NAME       a model of \`npm run zen -- pull --help\` (default smollm2-135m-instruct)
  --port N           HTTP port of the gateway on 127.0.0.1 (default 8080)
  --grpc-port N      gRPC port of the gateway; the thinkers take the four ports after it (default 50050)
  --threads N        threads of the engine (default: all cores)
  --prompt TEXT      what the demonstration asks
  --no-demo          start without a demonstration
  --no-upgrade       keep serving the quickly packed model
  --once             stop after the demonstration

Models and ladders are kept in $ZEN_HOME (default $XDG_CACHE_HOME/zen or ~/.cache/zen), logs in its logs/.`);
  process.exit(0);
}
const home = process.env.ZEN_HOME ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'zen');
const { ladderPath } = await import('../packages/ladder/dist/index.js');
const say = (text) => console.log(`\x1b[36m[zen]\x1b[0m ${text}`);
const children = new Map();
let stopping = false;

/** Starts a service with its log in a file; an exit nobody asked for ends everything. */
function start(name, script, env, argv = []) {
  mkdirSync(join(home, 'logs'), { recursive: true });
  const path = join(home, 'logs', `${name}.log`);
  const log = createWriteStream(path, { flags: 'a' });
  const child = spawn(process.execPath, [script, ...argv], {
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
    stop(1);
  });
  return child;
}

async function stop(code) {
  if (stopping) return;
  stopping = true;
  for (const child of children.values()) child.kill('SIGTERM');
  await Promise.all([...children.values()].map((child) => new Promise((done) => child.once('exit', done))));
  process.exit(code);
}
process.on('SIGINT', () => stop(0));
process.on('SIGTERM', () => stop(0));

/** Packs a ladder through the command line, with its progress on this terminal. */
function pack(plan, background) {
  const argv = ['cli/dist/main.js', 'pack', options.model, '--plan', plan];
  const [file, args] = background
    ? ['nice', ['-n', '19', process.execPath, ...argv]]
    : [process.execPath, argv];
  const child = spawn(file, args, {
    stdio: ['ignore', background ? 'ignore' : 2, background ? 'ignore' : 2],
  });
  if (background) children.set('pack', child);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      children.delete('pack');
      if (code === 0) resolve();
      else reject(new Error(`zen pack ${options.model} --plan ${plan} ended with ${code}`));
    });
  });
}

async function ready(url, what) {
  for (let waited = 0; waited < 120_000; waited += 200) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error(`${what} is not ready after two minutes; see ${join(home, 'logs')}`);
}

/** Waits until the model has every stage, and says each one as it comes. */
async function climbed() {
  for (let top = -1; ; await new Promise((done) => setTimeout(done, 100))) {
    const { data } = await (await fetch(`${gateway}/v1/models`)).json();
    const { stages } = data[0];
    const now = stages.filter(({ attached }) => attached).length - 1;
    if (now > top) say(`serving stage ${now} of ${stages.length - 1}`);
    top = now;
    if (top === stages.length - 1) return;
  }
}

const grpcPort = Number(options['grpc-port']);
const thinkerAddress = { quick: `127.0.0.1:${grpcPort + 1}`, full: `127.0.0.1:${grpcPort + 2}` };
const probeAddress = { quick: `127.0.0.1:${grpcPort + 3}`, full: `127.0.0.1:${grpcPort + 4}` };
const gateway = `http://127.0.0.1:${options.port}`;

function startThinker(plan) {
  return start(`thinker-${plan}`, 'services/thinker/dist/main.js', {
    ZEN_LADDER: ladderPath(home, options.model, plan),
    ZEN_LISTEN: thinkerAddress[plan],
    ZEN_PROBE_LISTEN: probeAddress[plan],
    ...(options.threads === '' ? {} : { ZEN_THREADS: options.threads }),
  });
}

try {
  const plan = existsSync(ladderPath(home, options.model, 'full')) ? 'full' : 'quick';
  if (!existsSync(ladderPath(home, options.model, plan))) {
    say(`first start: packing ${options.model} (quick plan)`);
    await pack('quick', false);
  }
  say(`starting thinker (${plan} plan) and gateway`);
  const first = startThinker(plan);
  start('gateway', 'services/gateway/dist/main.js', {
    ZEN_LISTEN: `127.0.0.1:${options.port}`,
    ZEN_GRPC_LISTEN: `127.0.0.1:${grpcPort}`,
    ZEN_THINKERS: plan === 'full' ? thinkerAddress.full : `${thinkerAddress.quick},${thinkerAddress.full}`,
  });
  await ready(`${gateway}/readyz`, 'the gateway');
  if (!options['no-demo']) {
    await climbed();
    await showAnswer(gateway, options.model, options.prompt);
    // An idle thinker measures what each stage costs; until it has, no stage counts as cheaper.
    await new Promise((done) => setTimeout(done, 4000));
    await showBurst(gateway, options.model, 32);
  }
  if (options.once) await stop(0);
  say(`HTTP   ${gateway}/v1   (OpenAI-compatible; metrics at ${gateway}/metrics)`);
  say(`gRPC   127.0.0.1:${grpcPort}   (zen.v1.GatewayService)`);
  say(`probe  http://${probeAddress[plan]}/metrics   (of the thinker)`);
  say(`chat   npm run zen -- chat --url ${gateway}`);
  say('stop   Ctrl-C');
  if (plan === 'quick' && !options['no-upgrade']) {
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
