import { join } from 'node:path';
import { ClusterError } from '@zen/cluster';
import { ConfigError, configHelp, isOneOf, runService } from '@zen/config';
import { createLogger } from '@zen/telemetry';
import { settings } from './config';
import { BlueprintError } from './desired/blueprint';
import { startOperator } from './operator';

const HELP = `usage: main.js [--help | --version]

Looks after the ZenModels and ExpertPools (zen.hanzo.ai/v1alpha1) of one namespace: makes their pods, Services, budgets
and policies, scales, puts idle models to sleep, and drains what is deleted. Of several one leads, by the Lease
"zen-operator". SIGTERM: it finishes its writes and gives the lease back; a second one ends it at once. Pods go on
without it. Environment:

${configHelp(settings)}
`;

runService({
  help: HELP,
  settings,
  folder: join(__dirname, '..'),
  isExpected: (error) =>
    isOneOf(error, [BlueprintError, ClusterError, ConfigError]) ||
    (error as { code?: string }).code === 'ENOENT',
  start: async (config) => {
    const logger = createLogger('operator', config.logLevel);
    const operator = await startOperator(config, logger);
    const { address, probeAddress } = operator;
    return { logger, listening: { address, probeAddress }, stop: () => operator.stop() };
  },
});
