import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterError } from '@zen/cluster';
import { ConfigError, configHelp, readConfig } from '@zen/config';
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

async function main(argv: string[]): Promise<void> {
  if (argv.length > 0) {
    process.stdout.write(argv[0] === '--version' ? `${version()}\n` : HELP);
    process.exitCode = argv[0] === '--help' || argv[0] === '--version' ? 0 : 2;
    return;
  }
  const config = readConfig(settings, process.env);
  const logger = createLogger('expert-router', config.logLevel);
  const router = await startExpertRouter(config, logger);
  const { address, probeAddress, healthAddress } = router;
  logger.info({ address, probeAddress, healthAddress }, 'listening');
  let stopping = false;
  const stop = async () => {
    // A second signal does not wait.
    if (stopping) process.exit(1);
    stopping = true;
    logger.info('stopping');
    await router.stop();
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
  const expected = [CertificateError, ClusterError, ConfigError].some((type) => error instanceof type);
  process.stderr.write(`${expected ? (error as Error).message : ((error as Error).stack ?? error)}\n`);
  process.exit(expected ? 2 : 1);
});
