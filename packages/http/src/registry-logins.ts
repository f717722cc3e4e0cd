import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { HttpError } from './http-error';

export interface RegistryLogin {
  username: string;
  password: string;
}

/** Logins by registry host, as `docker login` keeps them in `$DOCKER_CONFIG/config.json`. */
export async function registryLogins(
  env: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, RegistryLogin>> {
  const folder = env.DOCKER_CONFIG || join(env.HOME || homedir(), '.docker');
  const path = join(folder, 'config.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new HttpError('bad-format', `${path}: ${(error as Error).message}`, { cause: error });
  }
  let auths: Readonly<Record<string, { auth?: unknown } | null>>;
  try {
    auths = (JSON.parse(text) as { auths?: typeof auths }).auths ?? {};
  } catch (error) {
    throw new HttpError('bad-format', `${path}: not JSON`, { cause: error });
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
