import { join } from 'node:path';
import { ConfigError, configHelp, isOneOf, runService } from '@zen/config';
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

runService({
  help: HELP,
  settings,
  folder: join(__dirname, '..'),
  isExpected: (error) =>
    isOneOf(error, [CertificateError, ConfigError, DiskError, ServiceTokenError, StoreError]),
  start: async (config) => {
    const logger = createLogger('delta-store', config.logLevel);
    const store = await startDeltaStore(config, logger);
    const { address, probeAddress, healthAddress } = store;
    return { logger, listening: { address, probeAddress, healthAddress }, stop: () => store.stop() };
  },
});
