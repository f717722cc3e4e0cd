import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSampleLadder } from '@zen/testing';
import { type LayoutServer, serveLayout } from '../testing/layout-server';
import { LadderDownload } from './ladder-download';

jest.setTimeout(120_000);

const scratch = mkdtempSync(join(tmpdir(), 'zen-untrusted-'));
const signal = new AbortController().signal;
const sample = writeSampleLadder(join(scratch, 'sample'));
afterAll(() => rmSync(scratch, { recursive: true }));

const sha256 = (data: Uint8Array | string) => createHash('sha256').update(data).digest('hex');
type Json = Record<string, unknown>;

/** A copy of the sample without its stages, with another manifest or index. */
function forge(change: (manifest: Json & { config: Json; layers: Json[] }) => unknown): string {
  const folder = mkdtempSync(join(scratch, 'forged-'));
  const blob = (digest: string) => join(sample.folder, 'blobs', 'sha256', digest.slice(7));
  const manifest = JSON.parse(readFileSync(blob(sample.digest), 'utf8'));
  const { digest } = manifest.config;
  cpSync(blob(digest), join(folder, 'blobs', 'sha256', digest.slice(7)), { recursive: true });
  const json = JSON.stringify(change(manifest) ?? manifest);
  writeFileSync(join(folder, 'blobs', 'sha256', sha256(json)), json);
  const entry = {
    artifactType: 'application/vnd.zen.ladder.v1+json',
    digest: `sha256:${sha256(json)}`,
    size: Buffer.byteLength(json),
  };
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  return folder;
}

async function refusal(folder: string, prepare?: (server: LayoutServer) => void): Promise<unknown> {
  const home = mkdtempSync(join(scratch, 'home-'));
  const server = await serveLayout(folder);
  prepare?.(server);
  try {
    await LadderDownload.open(server.url, {
      home,
      strategy: 'balanced',
      bytesPerSecond: null,
      retry: { attempts: 2, baseDelayMs: 5, maxDelayMs: 10, idleMs: 5_000 },
      signal,
    });
    return null;
  } catch (error) {
    // What is refused leaves nothing that could be taken for a ladder.
    const { digest } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')).manifests[0];
    expect(existsSync(join(home, 'artifacts', String(digest).slice(7), 'index.json'))).toBe(false);
    return error;
  } finally {
    await server.close();
  }
}

it.each<[string, Parameters<typeof forge>[0], string, RegExp]>([
  ['another kind of artifact', () => ({ artifactType: 'x' }), 'not-a-ladder', /is not a ladder/],
  ['no object', () => [], 'not-a-ladder', /is not a ladder/],
  [
    'another media type of a stage',
    (m) => {
      m.layers[2]!.mediaType = 'text/plain';
    },
    'invalid',
    /layers\[2\]\.mediaType/,
  ],
  ['a stage too few', (m) => void m.layers.pop(), 'invalid', /manifest\.layers must be a list of 5/],
  [
    'a path for a digest',
    (m) => {
      m.layers[0]!.digest = 'sha256:../../../../etc/passwd';
    },
    'invalid',
    /layers\[0\]\.digest must be a sha256 digest/,
  ],
  [
    'a path for the digest of the config',
    (m) => {
      m.config.digest = '../x';
    },
    'invalid',
    /config\.digest must be a sha256 digest/,
  ],
  [
    'a config above 64 MiB',
    (m) => {
      m.config.size = 2 ** 27;
    },
    'invalid',
    /config\.size must be a whole number from 1 to 67108864/,
  ],
  [
    'another size of a stage',
    (m) => {
      m.layers[0]!.size = (m.layers[0]!.size as number) - 64;
    },
    'invalid',
    /stages\[0\]\.bytes must be/,
  ],
  [
    'a stage that is too large',
    (m) => {
      m.layers[0]!.size = 2 ** 50;
    },
    'invalid',
    /layers\[0\]\.size/,
  ],
  [
    'hashes that do not fit the size',
    (m) => {
      m.layers[0]!.annotations = { 'zen.stage': '0', 'zen.chunks': 'a' };
    },
    'invalid',
    /zen\.chunks must list 2 SHA-256/,
  ],
  [
    'a config that is shorter',
    (m) => {
      m.config.size = (m.config.size as number) + 1;
    },
    'network',
    /the connection ended|beyond its end/,
  ],
])('refuses a manifest with %s', async (_, change, failure, message) => {
  const error = await refusal(forge(change));
  expect(error).toMatchObject({ failure });
  expect((error as Error).message).toMatch(message);
});

it('refuses a manifest or config that is not the one named', async () => {
  const folder = forge(() => undefined);
  const swap = (ending: string, content: string) => (server: LayoutServer) => {
    server.fault = (asked, response, _count, old) => {
      if (!asked.path.endsWith(ending)) return false;
      const body = content.padEnd(old.length, ' ');
      const range = asked.range ? { 'content-range': `bytes 0-${body.length - 1}/${body.length}` } : {};
      response.writeHead(asked.range ? 206 : 200, range).end(body);
      return true;
    };
  };
  expect(await refusal(folder, swap(sample.digest.slice(7), '{}'))).toMatchObject({ failure: 'corrupt' });
  const { digest } = JSON.parse(
    readFileSync(join(folder, 'blobs', 'sha256', sample.digest.slice(7)), 'utf8'),
  ).config;
  expect(await refusal(folder, swap(digest.slice(7), '{}'))).toMatchObject({ failure: 'corrupt' });
});

it('refuses an index or manifest above 4 MiB before it has read more', async () => {
  let sent = 0;
  const error = await refusal(
    forge(() => undefined),
    (server) => {
      server.fault = (_asked, response) => {
        response.writeHead(200);
        const timer = setInterval(() => {
          sent += 2 ** 20;
          response.write(Buffer.alloc(2 ** 20, 32));
        }, 1);
        response.on('close', () => clearInterval(timer));
        return true;
      };
    },
  );
  expect(error).toMatchObject({ failure: 'too-large' });
  expect(sent).toBeLessThan(64 * 2 ** 20);
});
