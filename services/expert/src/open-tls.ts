import { serverTlsFiles } from '@zen/config';
import { CertificateFiles, type ServerTls } from '@zen/rpc';
import type { Logger } from '@zen/telemetry';
import type { ExpertConfig } from './config';

/** What the server shows and asks of its clients; undefined to speak in the clear. */
export async function openTls(config: ExpertConfig, logger: Logger): Promise<ServerTls | undefined> {
  const files = serverTlsFiles(config);
  if (!files) return undefined;
  const certificates = await CertificateFiles.open(files, {
    onRefused: ({ message }) =>
      logger.error({ reason: message }, 'new certificates not taken, the old ones stay'),
  });
  return { certificates, clients: config.tlsClients };
}
