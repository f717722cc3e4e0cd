import { registryLogins } from '@zen/http';
import type { FetchSettings } from './fetch/fetch-context';
import { SourceError } from './source-error';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What the environment says about sources, in the names that the usual clients have: `HF_ENDPOINT` and
 * `HF_TOKEN`, and the registries' logins of `docker login` in `$DOCKER_CONFIG/config.json`.
 */
export async function sourceSettings(env: Environment): Promise<Partial<FetchSettings>> {
  const endpoint = env.HF_ENDPOINT;
  if (endpoint && !/^https?:\/\/[^/]+/.test(endpoint)) {
    throw new SourceError('bad-uri', `HF_ENDPOINT: ${endpoint} must begin with https:// or http://`);
  }
  return {
    ...(endpoint ? { huggingFaceEndpoint: endpoint.replace(/\/+$/, '') } : {}),
    ...(env.HF_TOKEN ? { huggingFaceToken: env.HF_TOKEN } : {}),
    ociCredentials: await registryLogins(env),
  };
}
