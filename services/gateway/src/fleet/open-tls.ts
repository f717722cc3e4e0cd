import { ConfigError, tlsFiles } from '@zen/config';
import { type ClientTls, openCertificates } from '@zen/rpc';
import type { Logger } from '@zen/telemetry';
import type { GatewayConfig } from '../config';

type TlsConfig = Pick<GatewayConfig, 'tlsCert' | 'tlsKey' | 'tlsCa' | 'tlsServerName'>;

/** How thinkers are known and what they are shown; undefined to speak in the clear. */
export async function openTls(config: TlsConfig, logger: Logger): Promise<ClientTls | undefined> {
  const files = tlsFiles(config);
  if (!files) return undefined;
  if (files.ca === undefined) throw new ConfigError('ZEN_TLS_CA: needed where ZEN_TLS_CERT is set');
  const certificates = await openCertificates(files, logger);
  return { certificates, serverName: config.tlsServerName };
}
