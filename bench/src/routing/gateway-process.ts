import { join } from 'node:path';
import type { Routing } from '@zen/routing';
import { policyOf } from './policies';

const DIST = join(__dirname, '..', '..', '..', 'services', 'gateway', 'dist');

/** Run as a child: the gateway with the routing that `argv[2]` names. Services are no libraries, hence the paths. */
async function main(): Promise<void> {
  const { startGateway } = require(join(DIST, 'gateway.js')) as {
    startGateway(config: object, logger: object, routing: Routing): Promise<object>;
  };
  const { settings } = require(join(DIST, 'config.js')) as { settings: object };
  const from = (name: string) => require(require.resolve(name, { paths: [DIST] }));
  const config = from('@zen/config').readConfig(settings, process.env);
  await startGateway(
    config,
    from('@zen/telemetry').createLogger('gateway', 'warn'),
    policyOf(process.argv[2] ?? ''),
  );
}

if (require.main === module) void main();
