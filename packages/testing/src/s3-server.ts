import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { AwsV4Signer } from 'aws4fetch';

/** Where scripts/test-servers.mjs puts it. */
const PROGRAM = join(__dirname, '../../../node_modules/.zen/moto/bin/moto_server');
const PYTHON = join(__dirname, '../../../node_modules/.zen/moto/bin/python');
/**
 * moto looks whether a name is taken and then takes it, which S3 does in one step: with one request at a time it keeps
 * that promise, too.
 */
const ONE_AT_A_TIME = `import sys, moto.server as server
run = server.run_simple
server.run_simple = lambda *args, **options: run(*args, **{**options, 'threaded': False})
server.main(sys.argv[1:])`;
const REGION = 'us-east-1';

export interface S3Server {
  /** As a store's settings have them. */
  settings: {
    endpoint: string;
    region: string;
    keys: { accessKeyId: string; secretAccessKey: string; sessionToken: null };
  };
  bucket: string;
  stop(): Promise<void>;
}

/** Why no S3 server can be started here, or null. */
export function s3Missing(): string | null {
  return existsSync(PROGRAM) ? null : 'no S3 server is installed (node scripts/test-servers.mjs)';
}

/** Starts moto with one bucket and one user; it checks the signature of every request, unless it takes one at a time. */
export async function startS3Server(options: { oneAtATime?: boolean } = {}): Promise<S3Server> {
  const [program, ...argv] = options.oneAtATime ? [PYTHON, '-c', ONE_AT_A_TIME] : [PROGRAM];
  const child = spawn(program!, [...argv, '-H', '127.0.0.1', '-p', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // The four requests that make user and bucket come before there is anybody who could sign them. One at a time it
    // checks none at all: it unescapes the slash in a listing's prefix before it computes the signature.
    env: { ...process.env, INITIAL_NO_AUTH_ACTION_COUNT: options.oneAtATime ? '1000000000' : '4' },
  });
  const endpoint = await listening(child);
  const iam = (fields: Record<string, string>) =>
    unsigned(
      `${endpoint}/`,
      'iam',
      'POST',
      new URLSearchParams({ Version: '2010-05-08', ...fields }).toString(),
    );
  await iam({ Action: 'CreateUser', UserName: 'zen' });
  const key = await iam({ Action: 'CreateAccessKey', UserName: 'zen' });
  const policy = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }] };
  await iam({
    Action: 'PutUserPolicy',
    UserName: 'zen',
    PolicyName: 'all',
    PolicyDocument: JSON.stringify(policy),
  });
  await unsigned(`${endpoint}/models`, 's3', 'PUT');
  const field = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(key)![1]!;
  return {
    settings: {
      endpoint,
      region: REGION,
      keys: {
        accessKeyId: field('AccessKeyId'),
        secretAccessKey: field('SecretAccessKey'),
        sessionToken: null,
      },
    },
    bucket: 'models',
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Signed by nobody that the server knows; the name of the service is in the signature. */
async function unsigned(url: string, service: string, method: string, body?: string): Promise<string> {
  const nobody = { accessKeyId: 'nobody', secretAccessKey: 'nothing', region: REGION };
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  const headers = body === undefined ? {} : type;
  const { url: signed, ...request } = await new AwsV4Signer({
    ...nobody,
    url,
    service,
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  }).sign();
  const response = await fetch(signed, { ...request, body: body ?? null });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
  return text;
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (said.length < 100) said.push(line);
        const url = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(line)?.[1];
        if (url) resolve(url);
      });
    }
    child.once('exit', () => reject(new Error(`the S3 server ended: ${said.join('\n')}`)));
  });
}
