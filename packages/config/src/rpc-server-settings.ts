import { z } from 'zod';
import { ConfigError } from './config';
import { type TlsFiles, tlsFiles, tlsSettings } from './tls-settings';
import { address } from './types';

/** What every gRPC service of the cluster reads, beside the address that it listens on. */
export const rpcServerSettings = {
  probeListen: {
    env: 'ZEN_PROBE_LISTEN',
    type: address().optional(),
    help: 'HTTP address of /metrics, /healthz and /readyz (default none)',
  },
  healthListen: {
    env: 'ZEN_HEALTH_LISTEN',
    type: address().optional(),
    help: 'address of gRPC health alone, without TLS, for probes that know none (default none)',
  },
  ...tlsSettings,
  tlsClients: {
    env: 'ZEN_TLS_CLIENTS',
    type: z.enum(['off', 'require'], 'must be off or require').default('off'),
    help: 'require: only clients with a certificate signed by ZEN_TLS_CA',
    default: 'off',
  },
};

/** What a server shows and asks of its clients; undefined to speak in the clear. Throws a ConfigError. */
export function serverTlsFiles(
  config: Parameters<typeof tlsFiles>[0] & { readonly tlsClients: 'off' | 'require' },
): TlsFiles | undefined {
  const files = tlsFiles(config);
  if (config.tlsClients === 'require' && (files?.cert === undefined || files.ca === undefined)) {
    throw new ConfigError('ZEN_TLS_CLIENTS: require needs ZEN_TLS_CERT, ZEN_TLS_KEY and ZEN_TLS_CA');
  }
  if (files && files.cert === undefined) {
    throw new ConfigError('ZEN_TLS_CERT: needed where ZEN_TLS_CA is set');
  }
  return files;
}
