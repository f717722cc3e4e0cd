import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterError } from '@zen/cluster';
import { ConfigError, configHelp, readConfig } from '@zen/config';
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

async function main(argv: string[]): Promise<void> {
  if (argv.length > 0) {
    process.stdout.write(argv[0] === '--version' ? `${version()}\n` : HELP);
    process.exitCode = argv[0] === '--help' || argv[0] === '--version' ? 0 : 2;
    return;
  }
  const config = readConfig(settings, process.env);
  const logger = createLogger('operator', config.logLevel);
  const operator = await startOperator(config, logger);
  const { address, probeAddress } = operator;
  logger.info({ address, probeAddress }, 'listening');
  let stopping = false;
  const stop = async () => {
    // A second signal does not wait.
    if (stopping) process.exit(1);
    stopping = true;
    logger.info('stopping');
    await operator.stop();
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
  const { code } = error as { code?: string };
  const expected =
    [BlueprintError, ClusterError, ConfigError].some((type) => error instanceof type) || code === 'ENOENT';
  process.stderr.write(`${expected ? (error as Error).message : ((error as Error).stack ?? error)}\n`);
  process.exit(expected ? 2 : 1);
});
