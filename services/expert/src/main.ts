import { join } from 'node:path';
import { ConfigError, configHelp, isOneOf, runService } from '@zen/config';
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
      ExpertError,
      LadderError,
    ]),
  start: async (config) => {
    const logger = createLogger('expert', config.logLevel);
    const server = await startExpert(config, openExperts(config, process.env), logger);
    const { address, probeAddress, healthAddress } = server;
    return {
      logger,
      listening: { address, probeAddress, healthAddress },
      stop: () => server.stop(),
      done: server.done,
    };
  },
});
