import { join } from 'node:path';
import { ConfigError, configHelp, isOneOf, runService } from '@zen/config';
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

runService({
  help: HELP,
  settings,
  folder: join(__dirname, '..'),
  isExpected: (error) =>
    isOneOf(error, [
      CertificateError,
      ConfigError,
      DiskError,
      DistributionError,
      EngineError,
      LadderError,
      TokenizerError,
    ]),
  start: async (config) => {
    const logger = createLogger('thinker', config.logLevel);
    const thinker = await startThinker(config, openModel(config, process.env), logger, process.env);
    const { address, probeAddress, healthAddress } = thinker;
    return {
      logger,
      listening: { address, probeAddress, healthAddress },
      stop: () => thinker.stop(),
      done: thinker.climbed,
    };
  },
});
