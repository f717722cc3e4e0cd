#!/usr/bin/env node
// Replays recorded client events against a server of the Realtime API and compares the order of its events.
// usage: replay.mjs URL MODEL [--speaks] [--key KEY] [--only NAME] [--wait SECONDS]
// URL as in http://127.0.0.1:8080; --only: the order of this name; --wait: for each event, 120 where it is not given.
// An expected type ends in + (one or more), * (any number); a list stands for any mixture of its types, each of them at least once.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { readEvents, shown } from './server-events.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    speaks: { type: 'boolean', default: false },
    key: { type: 'string', default: 'none' },
    only: { type: 'string' },
    wait: { type: 'string', default: '120' },
  },
});
const [url, model] = positionals;
const waitMs = Number(values.wait) * 1000;
const orders = JSON.parse(readFileSync(new URL('orders.json', import.meta.url), 'utf8')).filter(
  ({ name }) => values.only === undefined || name === values.only,
);
if (!url || !model || !(waitMs > 0) || orders.length === 0) {
  process.stderr.write('usage: replay.mjs URL MODEL [--speaks] [--key KEY] [--only NAME] [--wait SECONDS]\n');
  process.exit(2);
}
const HANDSHAKE_MS = 60_000;
/** At the end of every order: what comes before this answer came too much. */
const LAST = [
  { send: { type: 'input_audio_buffer.clear' } },
  { expect: ['rate_limits.updated*', 'input_audio_buffer.cleared'] },
];

let failed = 0;
for (const order of orders) {
  if (order.speaks && !values.speaks) {
    process.stdout.write(`skipped: ${order.name} (--speaks)\n`);
    continue;
  }
  const problem = await replay(order);
  if (problem) failed++;
  process.stdout.write(problem ? `FAILED: ${order.name}: ${problem}\n` : `ok: ${order.name}\n`);
}
process.exitCode = failed > 0 ? 1 : 0;

async function replay({ steps, beta }) {
  const headers = {
    authorization: `Bearer ${values.key}`,
    ...(beta ? { 'openai-beta': 'realtime=v1' } : {}),
  };
  const socket = new WebSocket(
    `${url.replace(/^http/, 'ws')}/v1/realtime?model=${encodeURIComponent(model)}`,
    { headers, handshakeTimeout: HANDSHAKE_MS },
  );
  const events = readEvents(socket, waitMs);
  try {
    await events.open;
    for (const step of [...steps, ...LAST]) {
      if (step.send) socket.send(JSON.stringify(step.send));
      else await expectAll(step, events);
    }
    return null;
  } catch (error) {
    return error.message;
  } finally {
    socket.close();
  }
}

async function expectAll({ expect, with: wanted }, events) {
  let last;
  const take = async (type) => {
    last = await events.next(type);
    return last;
  };
  for (const entry of expect) {
    if (Array.isArray(entry)) {
      const any = entry.join(' or ');
      const missing = new Set(entry);
      while (missing.size > 0 || entry.includes((await events.peek(`the end of ${any}`)).type)) {
        await take(any);
        demand(entry.includes(last.type), [...missing].join(' and '), last);
        missing.delete(last.type);
      }
      continue;
    }
    const type = entry.replace(/[+*]$/, '');
    if (!entry.endsWith('*')) demand((await take(type)).type === type, type, last);
    if (entry === type) continue;
    while ((await events.peek(`the end of ${type}`)).type === type) await take(type);
  }
  if (wanted) demand(holds(last, wanted), JSON.stringify(wanted), last);
}

function demand(holds, wanted, got) {
  if (!holds) throw new Error(`expected ${wanted}, got ${shown(got)}`);
}

/** Whether everything that `wanted` names is so in `value`. */
function holds(value, wanted) {
  if (typeof wanted !== 'object' || wanted === null) return value === wanted;
  return Object.entries(wanted).every(([key, one]) => holds(value?.[key], one));
}
