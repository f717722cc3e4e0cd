import { z } from 'zod';
import { ConfigError } from './config';

const file = () => z.string().optional();

/** How services know each other; without them they speak in the clear. */
export const tlsSettings = {
  tlsCert: {
    env: 'ZEN_TLS_CERT',
    type: file(),
    help: "this service's certificate towards other services, a PEM file; read again when it is renewed",
  },
  tlsKey: { env: 'ZEN_TLS_KEY', type: file(), help: 'the key of that certificate, a PEM file' },
  tlsCa: {
    env: 'ZEN_TLS_CA',
    type: file(),
    help: 'who signs the certificates of the other services, a PEM file',
  },
};

export interface TlsFiles {
  cert: string | undefined;
  key: string | undefined;
  ca: string | undefined;
}

/** The files that are set; undefined for none. Throws a ConfigError for a certificate without its key, or a key alone. */
export function tlsFiles(config: {
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly tlsCa: string | undefined;
}): TlsFiles | undefined {
  const { tlsCert: cert, tlsKey: key, tlsCa: ca } = config;
  if (cert !== undefined && key === undefined) {
    throw new ConfigError('ZEN_TLS_KEY: needed where ZEN_TLS_CERT is set');
  }
  if (key !== undefined && cert === undefined) {
    throw new ConfigError('ZEN_TLS_CERT: needed where ZEN_TLS_KEY is set');
  }
  return cert === undefined && ca === undefined ? undefined : { cert, key, ca };
}
