import { Writable } from 'node:stream';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-node';
import { createLogger, Gauge, otlpExporter, Registry, startProbes, startTracing } from '.';

test('logs are JSON lines, and neither credentials nor prompts reach them', () => {
  let out = '';
  const sink = new Writable({
    write(chunk, _, done) {
      out += chunk;
      done();
    },
  });
  const logger = createLogger('thinker', 'info', sink);
  logger.info({ stage: 3, prompt: 'my diary', headers: { authorization: 'Bearer s3cret' } }, 'answered');
  expect(JSON.parse(out)).toMatchObject({ level: 'info', service: 'thinker', stage: 3, msg: 'answered' });
  expect(out).not.toMatch(/diary|s3cret/);
});

test('probes answer metrics, health and readiness', async () => {
  const registry = new Registry();
  new Gauge({ name: 'zen_test', help: 'test', registers: [registry] }).set(7);
  let ready = false;
  const probes = await startProbes({ listen: '127.0.0.1:0', registry, ready: () => ready });
  const get = async (path: string) => {
    const response = await fetch(`http://${probes.address}${path}`);
    return [response.status, await response.text()] as const;
  };
  expect((await get('/metrics'))[1]).toContain('zen_test 7');
  expect((await get('/healthz'))[0]).toBe(200);
  expect((await get('/readyz'))[0]).toBe(503);
  ready = true;
  expect((await get('/readyz'))[0]).toBe(200);
  expect((await get('/secrets'))[0]).toBe(404);
  probes.stop();
});

test('a trace passes from one service to the next', async () => {
  const exporter = new InMemorySpanExporter();
  const gateway = startTracing('gateway', exporter);
  const thinker = startTracing('thinker', undefined);
  const outer = gateway.start('chat', {}, { stage: 2 });
  const inner = thinker.start('generate', gateway.carry(outer));
  expect(inner.spanContext().traceId).toBe(outer.spanContext().traceId);
  inner.end();
  outer.end();
  await thinker.stop();
  await gateway.stop();
});

test('spans are exported only where an endpoint is set', () => {
  expect(otlpExporter(undefined)).toBeUndefined();
  expect(otlpExporter('http://127.0.0.1:4318/')).toBeDefined();
});
