import { type ChannelCredentials, credentials, experimental, ServerCredentials } from '@grpc/grpc-js';
import type { CertificateFiles } from './certificate-files';

export interface ServerTls {
  /** Its `cert` and `key` are this server's; `ca` signs the clients. */
  certificates: CertificateFiles;
  /** `require`: only clients with a certificate of the `ca` get a connection. */
  clients: 'off' | 'require';
}

export interface ClientTls {
  /** `ca` signs the servers; `cert` and `key`, if any, are shown to servers that ask. */
  certificates: CertificateFiles;
  /** The name in the servers' certificates; the host that is dialled where absent. */
  serverName?: string | undefined;
}

export function serverCredentials(tls: ServerTls | undefined): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  const { certificates, clients } = tls;
  const required = clients === 'require';
  return experimental.createCertificateProviderServerCredentials(
    certificates,
    required ? certificates : null,
    required,
  );
}

export function channelCredentials(tls: ClientTls | undefined): ChannelCredentials {
  if (!tls) return credentials.createInsecure();
  const { certificates } = tls;
  const identity = certificates.hasIdentity ? certificates : null;
  return experimental.createCertificateProviderChannelCredentials(certificates, identity);
}
