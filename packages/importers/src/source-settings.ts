import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { FetchSettings } from './fetch/fetch-context';
import { fileError, SourceError } from './source-error';

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
    ociCredentials: await dockerLogins(env),
  };
}

async function dockerLogins(env: Environment): Promise<FetchSettings['ociCredentials']> {
  const folder = env.DOCKER_CONFIG || join(env.HOME || homedir(), '.docker');
  const path = join(folder, 'config.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw fileError(error, path);
  }
  let auths: Readonly<Record<string, { auth?: unknown } | null>>;
  try {
    auths = (JSON.parse(text) as { auths?: typeof auths }).auths ?? {};
  } catch (error) {
    throw new SourceError('bad-format', `${path}: not JSON`, { cause: error });
  }
  // Logins that a credential helper keeps have no `auth` here; such a registry is asked without.
  return Object.fromEntries(
    Object.entries(auths).flatMap(([registry, entry]) => {
      if (typeof entry?.auth !== 'string') return [];
      const [username = '', ...rest] = Buffer.from(entry.auth, 'base64').toString('utf8').split(':');
      return [[registry.replace(/^https?:\/\//, '').split('/')[0]!, { username, password: rest.join(':') }]];
    }),
  );
}
