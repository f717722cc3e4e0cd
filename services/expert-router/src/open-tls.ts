import { serverTlsFiles } from '@zen/config';
import { CertificateFiles, type ClientTls, type ServerTls } from '@zen/rpc';
import type { Logger } from '@zen/telemetry';
import type { ExpertRouterConfig } from './config';

export interface RouterTls {
  certificates: CertificateFiles;
  /** Towards thinkers, and towards pods. */
  server: ServerTls;
  client: ClientTls;
}

/** What the router shows and asks, of its clients and of pods; undefined to speak in the clear. */
export async function openTls(config: ExpertRouterConfig, logger: Logger): Promise<RouterTls | undefined> {
  const files = serverTlsFiles(config);
  if (!files) return undefined;
  const certificates = await CertificateFiles.open(files, {
    onRefused: ({ message }) =>
      logger.error({ reason: message }, 'new certificates not taken, the old ones stay'),
  });
  return {
    certificates,
    server: { certificates, clients: config.tlsClients },
    client: { certificates, serverName: config.tlsServerName },
  };
}
