import type { Fleet } from '../fleet/fleet';
import { GatewayMetrics } from './gateway-metrics';

const FLEET = { replicas: () => [], isModel: (name: string) => name === 'known' } as unknown as Fleet;

/** Series, without those that say how the process does. */
async function series(metrics: GatewayMetrics): Promise<string[]> {
  return (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith('zen_'));
}

test('ten thousand tenants and models make a hundred series, not ten thousand', async () => {
  const metrics = new GatewayMetrics(FLEET, 100);
  metrics.left('/v1/completions', 200, 'known');
  metrics.served('first', 200, 10, 20);
  const before = (await series(metrics)).length;
  for (let i = 0; i < 10_000; i++) {
    metrics.left('/v1/completions', 404, `model-${i}`);
    metrics.served(`tenant-${i}`, 200, 1, 2);
  }
  const after = await series(metrics);
  // One for the unknown models; three for each of 99 more tenants and for all others.
  expect(after.length - before).toBe(1 + 3 * 100);
  expect(after).toContain(
    'zen_gateway_requests_total{route="/v1/completions",status="4xx",model="unknown"} 10000',
  );
  expect(after).toContain('zen_gateway_tenant_requests_total{tenant="other",status="2xx"} 9901');
  expect(after).toContain('zen_gateway_tenant_tokens_total{tenant="first",kind="completion"} 20');
});

test('no tenant is named unless that is wanted', async () => {
  const metrics = new GatewayMetrics(FLEET, 0);
  metrics.served('first', 200, 10, 20);
  expect((await series(metrics)).join()).not.toContain('first');
});
