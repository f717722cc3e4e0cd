import { ClusterError } from '@zen/cluster';
import { ConfigError, configHelp, exitWithFailure, isOneOf, readConfig, stopOnSignals } from '@zen/config';
import { CertificateError } from '@zen/rpc';
import { ServiceTokenError } from '@zen/service-token';
import { createLogger } from '@zen/telemetry';
import { settings } from './config';
import { StartRefused, startGateway } from './gateway';
import { hashKey } from './keys/hash-key';
import { KeyFileError } from './keys/key-entry';

const HELP = `usage: main.js [hash-key --help]

Serves the OpenAI-compatible HTTP API and zen.v1.GatewayService. SIGTERM: health says NOT_SERVING, it still answers
for ZEN_SETTLE, then refuses what is new and finishes running answers within ZEN_GRACE; a second one ends it at once.
SIGHUP reads the API keys again. Environment:

${configHelp(settings)}
`;

async function main(argv: string[]): Promise<void> {
  if (argv[0] === 'hash-key') {
    process.exitCode = await hashKey(argv.slice(1));
    return;
  }
  if (argv.length > 0) {
    process.stdout.write(HELP);
    process.exitCode = argv[0] === '--help' ? 0 : 2;
    return;
  }
  const config = readConfig(settings, process.env);
  const logger = createLogger('gateway', config.logLevel);
  const gateway = await startGateway(config, logger);
  logger.info({ http: gateway.httpAddress, grpc: gateway.grpcAddress }, 'listening');
  process.on('SIGHUP', () => void gateway.reloadKeys());
  stopOnSignals(logger, () => gateway.stop());
}

/** Failures that their message alone explains: a bad setting, a bad option, an address that is taken. */
function isExpected(error: unknown): boolean {
  const { code, message = '' } = error as { code?: string; message?: string };
  return (
    isOneOf(error, [
      CertificateError,
      ClusterError,
      ConfigError,
      StartRefused,
      KeyFileError,
      ServiceTokenError,
    ]) ||
    code?.startsWith('ERR_PARSE_ARGS') === true ||
    /^listen E|listen EADDRINUSE/.test(message) ||
    code === 'ENOENT'
  );
}

main(process.argv.slice(2)).catch((error: unknown) => exitWithFailure(error, isExpected(error)));
