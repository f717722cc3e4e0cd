#!/usr/bin/env node
// Replays recorded client events against a server of the Realtime API and compares the order of its events.
// usage: replay.mjs URL MODEL [--speaks] [--key KEY]   (URL as in http://127.0.0.1:8080)
// An expected type ends in + (one or more), * (any number); a list stands for any mixture of its types, at least one.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { speaks: { type: 'boolean', default: false }, key: { type: 'string', default: 'none' } },
});
const [url, model] = positionals;
if (!url || !model) {
  process.stderr.write('usage: replay.mjs URL MODEL [--speaks] [--key KEY]\n');
  process.exit(2);
}
const orders = JSON.parse(readFileSync(new URL('orders.json', import.meta.url), 'utf8'));

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
    {
      headers,
    },
  );
  const events = reader(socket);
  try {
    await events.open;
    for (const step of steps) {
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
  const take = async () => {
    last = await events.next();
    return last;
  };
  for (const entry of expect) {
    if (Array.isArray(entry)) {
      await take();
      demand(entry.includes(last.type), entry.join(' or '), last);
      while (entry.includes((await events.peek()).type)) await take();
      continue;
    }
    const type = entry.replace(/[+*]$/, '');
    if (!entry.endsWith('*')) demand((await take()).type === type, type, last);
    if (entry === type) continue;
    while ((await events.peek()).type === type) await take();
  }
  if (wanted) demand(holds(last, wanted), JSON.stringify(wanted), last);
}

function demand(holds, wanted, got) {
  if (!holds) throw new Error(`expected ${wanted}, got ${JSON.stringify(got)}`);
}

/** Whether everything that `wanted` names is so in `value`. */
function holds(value, wanted) {
  if (typeof wanted !== 'object' || wanted === null) return value === wanted;
  return Object.entries(wanted).every(([key, one]) => holds(value?.[key], one));
}

function reader(socket) {
  const waiting = [];
  let fault = null;
  let wake = () => {};
  socket.on('message', (data) => {
    waiting.push(JSON.parse(data.toString('utf8')));
    wake();
  });
  const end = (error) => {
    fault ??= error;
    wake();
  };
  socket.on('error', end);
  socket.on('close', (code, reason) => end(new Error(`closed: ${code} ${reason}`)));
  const peek = async () => {
    while (waiting.length === 0) {
      if (fault) throw fault;
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
    return waiting[0];
  };
  return {
    open: new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    }),
    peek,
    next: async () => {
      const event = await peek();
      waiting.shift();
      return event;
    },
  };
}
