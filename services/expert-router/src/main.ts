import { join } from 'node:path';
import { ClusterError } from '@zen/cluster';
import { ConfigError, configHelp, isOneOf, runService } from '@zen/config';
import { CertificateError } from '@zen/rpc';
import { createLogger } from '@zen/telemetry';
import { settings } from './config';
import { startExpertRouter } from './expert-router';

const HELP = `usage: main.js [--help | --version]

Says which pod holds which experts of a mixture-of-experts ladder, as zen.v1.ExpertRouterService: finds the pods, follows
what they hold, plans by the load that thinkers report, tells pods what to hold, and tells thinkers what is held. It
keeps nothing: a new one begins with what the pods say, and thinkers go on with the last placement meanwhile. Of several
on the same pods one plans. SIGTERM: health says NOT_SERVING, it still answers for ZEN_SETTLE, then refuses what is new
and ends its streams; a second one ends it at once.
Environment:

${configHelp(settings)}
`;

runService({
  help: HELP,
  settings,
  folder: join(__dirname, '..'),
  isExpected: (error) => isOneOf(error, [CertificateError, ClusterError, ConfigError]),
  start: async (config) => {
    const logger = createLogger('expert-router', config.logLevel);
    const router = await startExpertRouter(config, logger);
    const { address, probeAddress, healthAddress } = router;
    return { logger, listening: { address, probeAddress, healthAddress }, stop: () => router.stop() };
  },
});
