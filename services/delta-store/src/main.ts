import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, configHelp, readConfig } from '@zen/config';
import { DiskError } from '@zen/disk';
import { CertificateError } from '@zen/rpc';
import { ServiceTokenError } from '@zen/service-token';
import { createLogger } from '@zen/telemetry';
import { settings } from './config';
import { startDeltaStore } from './delta-store';
import { StoreError } from './store-error';

const HELP = `usage: main.js [--help | --version]

Keeps small immutable changes to base models, one tenant's each, as zen.v1.DeltaStoreService: takes them in whole or
not at all, encrypts them with a key of the tenant's own, moves aliases by compare-and-swap and erases a tenant by
destroying its key. Several may run on one storage. SIGTERM: health says NOT_SERVING, it still answers for ZEN_SETTLE,
then refuses what is new and finishes running calls within ZEN_GRACE; a second one ends it at once.
Environment:

${configHelp(settings)}
`;

async function main(argv: string[]): Promise<void> {
  if (argv.length > 0) {
    process.stdout.write(argv[0] === '--version' ? `${version()}\n` : HELP);
    process.exitCode = argv[0] === '--help' || argv[0] === '--version' ? 0 : 2;
    return;
  }
  const config = readConfig(settings, process.env);
  const logger = createLogger('delta-store', config.logLevel);
  const store = await startDeltaStore(config, logger);
  const { address, probeAddress, healthAddress } = store;
  logger.info({ address, probeAddress, healthAddress }, 'listening');
  let stopping = false;
  const stop = async () => {
    // A second signal does not wait.
    if (stopping) process.exit(1);
    stopping = true;
    logger.info('stopping');
    await store.stop();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
}

function version(): string {
  const { version } = JSON.parse(readFileSync(join(__dirname, '..', 'package.json'), 'utf8'));
  return version;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const expected = [CertificateError, ConfigError, DiskError, ServiceTokenError, StoreError].some(
    (type) => error instanceof type,
  );
  process.stderr.write(`${expected ? (error as Error).message : ((error as Error).stack ?? error)}\n`);
  process.exit(expected ? 2 : 1);
});
