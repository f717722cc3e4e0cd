import { type RegistryLogin, registryLogins } from '@zen/http';
import { DistributionError } from '../distribution-error';

/** Credentials and places that an installation sets; none of it is ever logged. */
export interface StoreSettings {
  /** By registry host. */
  logins: Readonly<Record<string, RegistryLogin>>;
  /** For a registry without an entry in `logins`, or null. */
  login: RegistryLogin | null;
  /** Sent as a bearer token to `http(s)://` addresses, or null. */
  originKey: string | null;
  s3: S3Settings;
}

export interface S3Settings {
  /** `https://host[:port]` of an S3-compatible server (buckets in the path), or null for AWS itself. */
  endpoint: string | null;
  region: string;
  /** Null asks without credentials. */
  keys: { accessKeyId: string; secretAccessKey: string; sessionToken: string | null } | null;
}

export const NO_SETTINGS: StoreSettings = {
  logins: {},
  login: null,
  originKey: null,
  s3: { endpoint: null, region: 'us-east-1', keys: null },
};

/**
 * What the environment says, in the names that the usual clients have: `$DOCKER_CONFIG/config.json`, `AWS_*`; and
 * our own `ZEN_REGISTRY_USERNAME`, `ZEN_REGISTRY_PASSWORD` and `ZEN_ORIGIN_KEY` (API key of a gateway's
 * `/artifacts`).
 */
export async function storeSettings(
  env: Readonly<Record<string, string | undefined>>,
): Promise<StoreSettings> {
  const { ZEN_REGISTRY_USERNAME: username, ZEN_REGISTRY_PASSWORD: password } = env;
  const endpoint = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL || null;
  if (endpoint !== null && !/^https?:\/\/[^/?#@]+\/?$/.test(endpoint)) {
    throw new DistributionError('bad-uri', 'AWS_ENDPOINT_URL_S3: must be https://host[:port]');
  }
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  try {
    return {
      logins: await registryLogins(env),
      login: username ? { username, password: password ?? '' } : null,
      originKey: env.ZEN_ORIGIN_KEY || null,
      s3: {
        endpoint: endpoint?.replace(/\/$/, '') ?? null,
        region: env.AWS_REGION || env.AWS_DEFAULT_REGION || 'us-east-1',
        keys:
          accessKeyId && secretAccessKey
            ? { accessKeyId, secretAccessKey, sessionToken: env.AWS_SESSION_TOKEN || null }
            : null,
      },
    };
  } catch (error) {
    throw DistributionError.from(error);
  }
}
