import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, configHelp, readConfig } from '@zen/config';
import { DiskError } from '@zen/disk';
import { DistributionError } from '@zen/distribution';
import { EngineError } from '@zen/engine';
import { LadderError } from '@zen/ladder';
import { CertificateError } from '@zen/rpc';
import { createLogger } from '@zen/telemetry';
import { TokenizerError } from '@zen/tokenizer';
import { settings } from './config';
import { openModel } from './serving/open-model';
import { startThinker } from './thinker';

const HELP = `usage: main.js [--help | --version]

Serves the language model of a ladder as zen.v1.ThinkerService. It listens at once, fetches the ladder where it is
not on the disk yet, answers from the first servable stage on, and fetches and attaches the others while it serves.
Bytes that go bad on the disk are found, and fetched again. SIGTERM: health says NOT_SERVING, it still answers for
ZEN_SETTLE, then refuses what is new and finishes running answers within ZEN_GRACE; a second one ends it at once.
Environment:

${configHelp(settings)}
`;

// Steps, attaching, hashing and file access share libuv's threads, and no step may wait for one. Read at first use.
process.env.UV_THREADPOOL_SIZE ??= '16';

async function main(argv: string[]): Promise<void> {
  if (argv.length > 0) {
    process.stdout.write(argv[0] === '--version' ? `${version()}\n` : HELP);
    process.exitCode = argv[0] === '--help' || argv[0] === '--version' ? 0 : 2;
    return;
  }
  const config = readConfig(settings, process.env);
  const logger = createLogger('thinker', config.logLevel);
  const thinker = await startThinker(config, openModel(config, process.env), logger, process.env);
  const { address, probeAddress, healthAddress } = thinker;
  logger.info({ address, probeAddress, healthAddress }, 'listening');
  let stopping = false;
  const stop = async () => {
    // A second signal does not wait.
    if (stopping) process.exit(1);
    stopping = true;
    logger.info('stopping');
    await thinker.stop();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
  await thinker.climbed;
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
    LadderError,
    TokenizerError,
  ].some((type) => error instanceof type);
  process.stderr.write(`${expected ? (error as Error).message : ((error as Error).stack ?? error)}\n`);
  process.exit(expected ? 2 : 1);
});
