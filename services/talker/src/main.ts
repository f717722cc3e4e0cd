import { join } from 'node:path';
import { ConfigError, configHelp, isOneOf, runService } from '@zen/config';
import { DiskError } from '@zen/disk';
import { CertificateError } from '@zen/rpc';
import { createLogger } from '@zen/telemetry';
import { settings } from './config';
import { openEars } from './listening/open-ears';
import { openEngines } from './speaking/open-engines';
import { startTalker } from './talker';
import { TalkerError } from './talker-error';

const HELP = `usage: main.js [--help | --version]

Speaks texts while they are written, as zen.v1.TalkerService, and writes what it hears, as zen.v1.TranscriberService. It
takes calls at once and fetches its voices and ears into ZEN_HOME at the first start; health says SERVING once the default
voice and the ears are there. SIGTERM: health says NOT_SERVING and WatchTalker says
draining, it still answers for ZEN_SETTLE, then refuses what is new and finishes what is being said within ZEN_GRACE; a
second one ends it at once.
Environment:

${configHelp(settings)}
`;

// Voices are made on their own threads; reading and hashing files must not wait behind anything. Read at first use.
process.env.UV_THREADPOOL_SIZE ??= '16';
// ONNX Runtime tells its maker how it is used unless it is told not to. Read when the first model is opened.
process.env.ORT_DISABLE_TELEMETRY ??= '1';

runService({
  help: HELP,
  settings,
  folder: join(__dirname, '..'),
  isExpected: (error) => isOneOf(error, [CertificateError, ConfigError, DiskError, TalkerError]),
  start: async (config) => {
    const logger = createLogger('talker', config.logLevel);
    const talker = await startTalker(config, openEngines(process.env), logger, openEars(process.env));
    const { address, probeAddress, healthAddress, stop } = talker;
    return { logger, listening: { address, probeAddress, healthAddress }, stop };
  },
});
