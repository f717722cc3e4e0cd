import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, configHelp, readConfig } from '@zen/config';
import { DiskError } from '@zen/disk';
import { DistributionError } from '@zen/distribution';
import { EngineError } from '@zen/engine';
import { LadderError } from '@zen/ladder';
import { CertificateError } from '@zen/rpc';
import { createLogger } from '@zen/telemetry';
import { settings } from './config';
import { startExpert } from './expert';
import { ExpertError } from './expert-error';
import { openExperts } from './holding/open-experts';

const HELP = `usage: main.js [--help | --version]

Holds some experts of a mixture-of-experts ladder and computes rows with them, as zen.v1.ExpertService. It listens at
once and keeps nothing: an expert-router tells it which experts to hold, and it fetches their chunks alone, answers with
each stage as soon as it is there, and checks the bytes that it has mapped. What a newer assignment leaves out answers for
another ZEN_EXPERT_GRACE. SIGTERM: health says NOT_SERVING and Watch says draining, it still answers for ZEN_SETTLE, then
refuses what is new and finishes running calls within ZEN_GRACE; a second one ends it at once.
Environment:

${configHelp(settings)}
`;

// Runs, mapping, hashing and file access share libuv's threads, and no run may wait for one. Read at first use.
process.env.UV_THREADPOOL_SIZE ??= '16';

async function main(argv: string[]): Promise<void> {
  if (argv.length > 0) {
    process.stdout.write(argv[0] === '--version' ? `${version()}\n` : HELP);
    process.exitCode = argv[0] === '--help' || argv[0] === '--version' ? 0 : 2;
    return;
  }
  const config = readConfig(settings, process.env);
  const logger = createLogger('expert', config.logLevel);
  const server = await startExpert(config, openExperts(config, process.env), logger);
  const { address, probeAddress, healthAddress } = server;
  logger.info({ address, probeAddress, healthAddress }, 'listening');
  let stopping = false;
  const stop = async () => {
    // A second signal does not wait.
    if (stopping) process.exit(1);
    stopping = true;
    logger.info('stopping');
    await server.stop();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
  await server.done;
}

function version(): string {
  const { version } = JSON.parse(readFileSync(join(__dirname, '..', 'package.json'), 'utf8'));
  return version;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const expected = [
    CertificateError,
    ConfigError,
    DiskError,
    DistributionError,
    EngineError,
    ExpertError,
    LadderError,
  ].some((type) => error instanceof type);
  process.stderr.write(`${expected ? (error as Error).message : ((error as Error).stack ?? error)}\n`);
  process.exit(expected ? 2 : 1);
});
