import { credentials } from '@grpc/grpc-js';
import { readConfig } from '@zen/config';
import { createLogger } from '@zen/telemetry';
import { healthClient, PacedThinker } from '@zen/testing';
import { settings } from './config';
import { startGateway } from './gateway';
import { until } from './gateway.fixture';

jest.setTimeout(60_000);

test('health says that it serves when it knows the thinkers, and they are reached by the first request', async () => {
  const thinker = new PacedThinker();
  const config = readConfig(settings, {
    ZEN_LISTEN: '127.0.0.1:0',
    ZEN_GRPC_LISTEN: '127.0.0.1:0',
    ZEN_THINKERS: await thinker.start(),
    ZEN_GRACE: '200ms',
  });
  const gateway = await startGateway(config, createLogger('gateway', 'silent'));
  const health = healthClient(gateway.grpcAddress, credentials.createInsecure());
  expect(await health.status('live')).toBe('SERVING');
  await until('it serves', async () => (await health.status('')) === 'SERVING');
  const response = await fetch(`http://${gateway.httpAddress}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'paced', prompt: 'a', max_tokens: 1 }),
  });
  expect(response.status).toBe(200);
  health.close();
  await gateway.stop();
  await thinker.stop();
});
