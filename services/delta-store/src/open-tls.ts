import { ConfigError, tlsFiles } from '@zen/config';
import { CertificateFiles, type ServerTls } from '@zen/rpc';
import type { Logger } from '@zen/telemetry';
import type { DeltaStoreConfig } from './config';

type TlsConfig = Pick<DeltaStoreConfig, 'tlsCert' | 'tlsKey' | 'tlsCa' | 'tlsClients'>;

/** What the server shows and asks of its clients; undefined to speak in the clear. */
export async function openTls(config: TlsConfig, logger: Logger): Promise<ServerTls | undefined> {
  const files = tlsFiles(config);
  const { tlsClients: clients } = config;
  if (clients === 'require' && (files?.cert === undefined || files.ca === undefined)) {
    throw new ConfigError('ZEN_TLS_CLIENTS: require needs ZEN_TLS_CERT, ZEN_TLS_KEY and ZEN_TLS_CA');
  }
  if (!files) return undefined;
  if (files.cert === undefined) throw new ConfigError('ZEN_TLS_CERT: needed where ZEN_TLS_CA is set');
  const certificates = await CertificateFiles.open(files, {
    onRefused: ({ message }) =>
      logger.error({ reason: message }, 'new certificates not taken, the old ones stay'),
  });
  return { certificates, clients };
}
