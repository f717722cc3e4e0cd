import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, configHelp, readConfig } from '@zen/config';
import { EngineError } from '@zen/engine';
import { LadderError } from '@zen/ladder';
import { createLogger } from '@zen/telemetry';
import { TokenizerError } from '@zen/tokenizer';
import { settings } from './config';
import { openEngine } from './serving/open-engine';
import { startThinker } from './thinker';

const HELP = `usage: main.js [--help | --version]

Serves the language model of a ladder as zen.v1.ThinkerService. It answers from the first servable stage on and
attaches the others while it serves. SIGTERM finishes running answers first. Environment:

${configHelp(settings)}
`;

async function main(argv: string[]): Promise<void> {
  if (argv.length > 0) {
    process.stdout.write(argv[0] === '--version' ? `${version()}\n` : HELP);
    process.exitCode = argv[0] === '--help' || argv[0] === '--version' ? 0 : 2;
    return;
  }
  const config = readConfig(settings, process.env);
  const logger = createLogger('thinker', config.logLevel);
  const { model, backend } = await openEngine(config.ladder, config);
  const thinker = await startThinker(config, model, backend, logger);
  const { address, probeAddress } = thinker;
  logger.info({ address, probeAddress, model: model.name, kernels: model.kernels }, 'listening');
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
  const expected = [ConfigError, EngineError, LadderError, TokenizerError].some(
    (type) => error instanceof type,
  );
  process.stderr.write(`${expected ? (error as Error).message : ((error as Error).stack ?? error)}\n`);
  process.exit(expected ? 2 : 1);
});
