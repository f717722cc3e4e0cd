import { rmSync } from 'node:fs';
import { openSource } from '../open-source';
import { FAST_RETRY, scratchFolder, sha256 } from '../testing/fetch-folder';
import { serve, startServer, type TestServer } from '../testing/http-server';
import { tinyFolder } from '../testing/tiny-folder';
import { tinyGguf } from '../testing/tiny-model';

// Generous: the machine may be busy, and no test here is about time.
jest.setTimeout(180_000);

interface TestLayer {
  content: Buffer;
  mediaType?: string;
  title?: string;
  /** Instead of the true size. */
  size?: number;
}

interface Registry {
  layers: TestLayer[];
  /** Wants a token for this user; null is open to all, '' gives tokens to everybody. */
  user?: string | null;
  /** What a blob's bytes are instead. */
  blob?: Buffer;
  /** Tokens run out after so many uses. */
  tokenUses?: number;
}

const digestOf = (bytes: Uint8Array) => `sha256:${sha256(bytes)}`;

function manifestOf(layers: readonly TestLayer[]): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      layers: layers.map(
        ({ content, mediaType = 'application/octet-stream', title, size = content.length }) => ({
          mediaType,
          digest: digestOf(content),
          size,
          ...(title === undefined ? {} : { annotations: { 'org.opencontainers.image.title': title } }),
        }),
      ),
    }),
  );
}

/** As much of the distribution specification as pulling needs. */
async function startRegistry({
  layers,
  user = null,
  blob,
  tokenUses = 1_000,
}: Registry): Promise<TestServer> {
  const manifest = manifestOf(layers);
  let token = '';
  let uses = 0;
  const server = await startServer((request, response) => {
    const path = request.url ?? '';
    if (path.startsWith('/token')) {
      const expected = `Basic ${Buffer.from(`${user}:secret`).toString('base64')}`;
      if (user && request.headers.authorization !== expected) return response.writeHead(401).end();
      token = `t${server.requests.length}`;
      uses = 0;
      return response.end(JSON.stringify({ token }));
    }
    uses += 1;
    if (user !== null && (request.headers.authorization !== `Bearer ${token}` || uses > tokenUses)) {
      const challenge = `Bearer realm="${server.url}/token",service="reg",scope="repository:m/tiny:pull"`;
      return response.writeHead(401, { 'www-authenticate': challenge }).end();
    }
    if (path === '/v2/m/tiny/manifests/v1' || path === `/v2/m/tiny/manifests/${digestOf(manifest)}`) {
      return response.end(manifest);
    }
    const layer = layers.find(({ content }) => path === `/v2/m/tiny/blobs/${digestOf(content)}`);
    if (!layer) return response.writeHead(404).end();
    return serve(request, response, blob ?? layer.content);
  });
  return server;
}

describe('oci://', () => {
  const GGUF = { content: tinyGguf(), title: 'tiny.gguf' };
  let home: string;
  let registry: TestServer;

  beforeEach(() => {
    home = scratchFolder();
  });
  afterEach(async () => {
    await registry.close();
    rmSync(home, { recursive: true });
  });

  async function open(reference = ':v1', credentials?: { username: string; password: string }) {
    const host = registry.url.slice('http://'.length);
    const ociCredentials = credentials ? { [host]: credentials } : {};
    const uri = `oci://${host}/m/tiny${reference}`;
    const model = await openSource(uri, { home, settings: { ociCredentials }, retry: FAST_RETRY });
    await model.close();
    return model;
  }

  it('opens a GGUF file by tag and by digest', async () => {
    registry = await startRegistry({ layers: [GGUF, { content: Buffer.from('x'), title: 'LICENSE' }] });
    expect((await open()).sha256).toBe(sha256(GGUF.content));
    const manifest = manifestOf([GGUF, { content: Buffer.from('x'), title: 'LICENSE' }]);
    expect((await open(`@${digestOf(manifest)}`)).sha256).toBe(sha256(GGUF.content));
  });

  it('opens a layer that says by its type that it is a GGUF file', async () => {
    registry = await startRegistry({
      layers: [{ content: GGUF.content, mediaType: 'application/vnd.docker.ai.gguf.v3' }],
    });
    expect((await open()).sha256).toBe(sha256(GGUF.content));
  });

  it('opens an artifact of safetensors', async () => {
    const { files, config } = tinyFolder('llama');
    registry = await startRegistry({
      layers: Object.entries(files).map(([title, content]) => ({ title, content })),
    });
    expect((await open()).config).toEqual(config);
  });

  it('fetches a token when the registry asks for one, and another when it runs out', async () => {
    registry = await startRegistry({ layers: [GGUF], user: '', tokenUses: 1 });
    await open();
    const tokens = registry.requests.filter((request) => request.path.startsWith('/token'));
    expect(tokens).toHaveLength(2);
    expect(tokens[0]!.path).toBe('/token?service=reg&scope=repository%3Am%2Ftiny%3Apull');
  });

  it('sends credentials to the token service only', async () => {
    registry = await startRegistry({ layers: [GGUF], user: 'me' });
    await expect(open()).rejects.toMatchObject({ failure: 'unauthorized' });
    await open(':v1', { username: 'me', password: 'secret' });
    for (const { path, authorization } of registry.requests) {
      if (!path.startsWith('/token')) expect(authorization ?? '').not.toMatch(/^Basic/);
    }
  });

  it('gives up on a registry that is never satisfied', async () => {
    registry = await startRegistry({ layers: [GGUF], user: '', tokenUses: 0 });
    await expect(open()).rejects.toMatchObject({ failure: 'unauthorized' });
  });

  it.each(['../tiny.gguf', '/tiny.gguf', '..\\tiny.gguf'])('uses no layer titled %p', async (title) => {
    registry = await startRegistry({ layers: [{ ...GGUF, title }] });
    await expect(open()).rejects.toThrow('neither GGUF nor safetensors');
  });

  it.each<[string, Registry, RegExp]>([
    ['no layers', { layers: [] }, /must have 1 to 4096 layers/],
    ['a negative size', { layers: [{ ...GGUF, size: -1 }] }, /size of "tiny\.gguf" is -1/],
    ['another size', { layers: [{ ...GGUF, size: 5 }] }, /bytes, expected 5/],
    ['other bytes', { layers: [GGUF], blob: Buffer.alloc(GGUF.content.length) }, /SHA-256 is .*, expected/],
  ])('refuses %s by name', async (_name, settings, expected) => {
    registry = await startRegistry(settings);
    await expect(open()).rejects.toThrow(expected);
  });

  it('names a tag that does not exist, and a manifest that is not the one asked for', async () => {
    registry = await startRegistry({ layers: [GGUF] });
    await expect(open(':v2')).rejects.toMatchObject({ failure: 'not-found' });
  });
});
