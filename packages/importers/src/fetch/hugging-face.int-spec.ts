import { rmSync } from 'node:fs';
import { openSource } from '../open-source';
import { FAST_RETRY, scratchFolder, sha256 } from '../testing/fetch-folder';
import { serve, startServer, type TestServer } from '../testing/http-server';
import { tinyFolder } from '../testing/tiny-folder';
import { tinyGguf } from '../testing/tiny-model';

// Generous: the machine may be busy, and no test here is about time.
jest.setTimeout(180_000);

const COMMIT = '0123456789abcdef0123456789abcdef01234567';

interface Listed {
  name: string;
  content: Buffer;
  /** Large files are listed with their SHA-256, others with git's hash only. */
  large?: boolean;
  /** Instead of the true SHA-256. */
  oid?: string;
}

/** As much of the hub as its client asks for: the commit, the list of files in pages, and the files. */
function startHub(repo: string, files: Listed[]): Promise<TestServer> {
  let url = '';
  return startServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://h');
    const json = (value: unknown) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(value));
    };
    if (request.headers.authorization === 'Bearer hf_wrong') response.writeHead(401).end();
    else if (path.pathname === `/api/models/${repo}/revision/main`) json({ _id: '1', id: repo, sha: COMMIT });
    else if (path.pathname === `/api/models/${repo}/tree/${COMMIT}`) {
      const page = Number(path.searchParams.get('cursor') ?? 0);
      if (page + 1 < files.length) {
        response.setHeader('link', `<${url}${path.pathname}?recursive=true&cursor=${page + 1}>; rel="next"`);
      }
      json(files.slice(page, page + 1).map(entryOf));
    } else {
      const name = path.pathname.split(`/${repo}/resolve/${COMMIT}/`)[1];
      const file = files.find((one) => one.name === name);
      if (file) serve(request, response, file.content);
      else response.writeHead(404).end();
    }
  }).then((server) => {
    url = server.url;
    return server;
  });
}

function entryOf({ name, content, large, oid }: Listed) {
  const size = content.length;
  const lfs = large ? { lfs: { oid: oid ?? sha256(content), size, pointerSize: 130 } } : {};
  return { type: 'file', path: name, size, oid: '1'.repeat(40), ...lfs };
}

describe('hf://', () => {
  let home: string;
  let hub: TestServer;

  beforeEach(() => {
    home = scratchFolder();
  });
  afterEach(async () => {
    await hub.close();
    rmSync(home, { recursive: true });
  });

  async function open(uri: string, token: string | null = null) {
    const settings = { huggingFaceEndpoint: hub.url, huggingFaceToken: token };
    const model = await openSource(uri, { home, settings, retry: FAST_RETRY });
    await model.close();
    return model;
  }

  const gguf = (name: string): Listed => ({ name, content: tinyGguf(), large: true });

  it('opens the only GGUF file of a repository, pinned to a commit', async () => {
    hub = await startHub('o/r', [{ name: 'README.md', content: Buffer.from('x') }, gguf('m.gguf')]);
    expect((await open('hf://o/r')).sha256).toBe(sha256(tinyGguf()));
    expect(hub.requests.at(-1)!.path).toBe(`/o/r/resolve/${COMMIT}/m.gguf`);
    const before = hub.requests.length;
    await open('hf://o/r');
    expect(hub.requests).toHaveLength(before);
  });

  it('opens one of several files by name, also in a folder', async () => {
    hub = await startHub('o/r', [gguf('a.gguf'), gguf('q/b.gguf')]);
    await expect(open('hf://o/r')).rejects.toThrow('several GGUF files, name one: a.gguf, q/b.gguf');
    expect((await open('hf://o/r/q/b.gguf')).name).toBe('b');
    await expect(open('hf://o/r/c.gguf')).rejects.toThrow('hf://o/r@main has no c.gguf');
  });

  it('opens a repository of safetensors', async () => {
    const { files, config } = tinyFolder('qwen3');
    hub = await startHub(
      'o/r',
      Object.entries(files).map(([name, content]) => ({
        name,
        content,
        large: name.endsWith('.safetensors'),
      })),
    );
    expect((await open('hf://o/r')).config).toEqual(config);
  });

  it('names what a repository lacks', async () => {
    hub = await startHub('o/r', [{ name: 'model.safetensors', content: Buffer.from('x') }]);
    await expect(open('hf://o/r')).rejects.toThrow('has no config.json, tokenizer.json');
    await expect(open('hf://o/none')).rejects.toMatchObject({ failure: 'not-found' });
  });

  it('refuses content that is not what the hub lists', async () => {
    hub = await startHub('o/r', [{ ...gguf('m.gguf'), oid: 'd'.repeat(64) }]);
    await expect(open('hf://o/r')).rejects.toMatchObject({ failure: 'wrong-hash' });
  });

  it.each(['../m.gguf', '/m.gguf', 'a/../../m.gguf'])('uses no file named %p', async (name) => {
    hub = await startHub('o/r', [gguf(name)]);
    await expect(open('hf://o/r')).rejects.toThrow('neither GGUF nor safetensors');
  });

  it('sends the token, and names its refusal', async () => {
    hub = await startHub('o/r', [gguf('m.gguf')]);
    await expect(open('hf://o/r', 'hf_wrong')).rejects.toMatchObject({ failure: 'unauthorized' });
    await open('hf://o/r', 'hf_right');
    expect(hub.requests.slice(1).every((request) => request.authorization === 'Bearer hf_right')).toBe(true);
  });
});
