import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const LOGIN = { username: 'user', password: 'secret' };
/** bcrypt of LOGIN, as htpasswd writes it. */
const HTPASSWD = 'user:$2b$04$fJNW4jRDBKcUOivaiS.0seq/Svg/We2eP6N29RturRCXBmYTbe9yy\n';

export interface Registry {
  /** host:port. */
  host: string;
  stop(): Promise<void>;
}

/** Why the registry cannot be started here, or null. */
export function registryMissing(): string | null {
  for (const program of ['docker-registry', 'openssl']) {
    if (spawnSync(program, ['--version']).error && spawnSync(program, ['version']).error) {
      return `${program} is not installed (apt-get install ${program})`;
    }
  }
  return null;
}

/** Starts a registry of its own in `folder`: open, with a password file, or with a token server. */
export async function startRegistry(
  folder: string,
  access: 'open' | 'password' | 'token',
): Promise<Registry> {
  mkdirSync(folder, { recursive: true });
  const tokens = access === 'token' ? await startTokenServer(folder) : null;
  const lines = [
    'version: 0.1',
    'log: {level: info, formatter: json, accesslog: {disabled: true}}',
    `storage: {filesystem: {rootdirectory: ${JSON.stringify(join(folder, 'data'))}}, delete: {enabled: true}}`,
    'http: {addr: "127.0.0.1:0", secret: "of the test"}',
  ];
  if (access === 'password') {
    writeFileSync(join(folder, 'htpasswd'), HTPASSWD);
    lines.push(`auth: {htpasswd: {realm: test, path: ${JSON.stringify(join(folder, 'htpasswd'))}}}`);
  }
  if (tokens) {
    const bundle = JSON.stringify(join(folder, 'cert.pem'));
    lines.push(
      `auth: {token: {realm: ${tokens.url}, service: reg, issuer: test, rootcertbundle: ${bundle}}}`,
    );
  }
  writeFileSync(join(folder, 'config.yml'), `${lines.join('\n')}\n`);
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return {
    host: await listening(child),
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      tokens?.server.close();
      tokens?.server.closeAllConnections();
    },
  };
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line);
        const host = /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
        if (host) resolve(host);
      });
    }
    child.once('exit', () => reject(new Error(`the registry ended: ${said.join('\n')}`)));
  });
}

/** Gives LOGIN a token of one minute for what it asks, signed with a key whose certificate the registry trusts. */
async function startTokenServer(folder: string): Promise<{ url: string; server: Server }> {
  const [keyPath, certPath] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=test', '-days', '2', '-keyout', keyPath, '-out', certPath];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject], { stdio: 'pipe' });
  const key = createPrivateKey(readFileSync(keyPath));
  const der = readFileSync(certPath, 'utf8').replace(/-----[^-]+-----|\s/g, '');
  const server = createServer((request, response) => {
    const expected = `Basic ${Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString('base64')}`;
    if (request.headers.authorization !== expected) return response.writeHead(401).end();
    const query = new URL(request.url ?? '', 'http://localhost').searchParams;
    const [type, name, actions = ''] = (query.get('scope') ?? '').split(':');
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: 'test',
      sub: LOGIN.username,
      aud: query.get('service'),
      exp: now + 60,
      nbf: now - 5,
      iat: now,
      jti: randomUUID(),
      access: [{ type, name, actions: actions.split(',') }],
    };
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const body = `${encode({ typ: 'JWT', alg: 'RS256', x5c: [der] })}.${encode(claims)}`;
    const token = `${body}.${sign('RSA-SHA256', Buffer.from(body), key).toString('base64url')}`;
    return response.end(JSON.stringify({ token }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, server };
}
