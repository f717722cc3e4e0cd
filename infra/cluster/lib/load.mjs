// Images of this tree, built and put into the cluster's registry under a tag that says their content.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBaseImages } from './base-images.mjs';
import { buildah } from './buildah.mjs';
import { nodeIp } from './network.mjs';
import { run, say } from './run.mjs';
import { arch, here, REGISTRY, root } from './settings.mjs';

const SERVICES = ['gateway', 'thinker'];
/** All that an image is made of. */
const CONTENT = [
  'packages',
  'services',
  'infra/docker',
  'package.json',
  'pnpm-lock.yaml',
  'pnpm-workspace.yaml',
  'tsconfig.json',
  'tsconfig.base.json',
  'LICENSE',
  'NOTICE',
  '.dockerignore',
];

const git = (...argv) => run('git', argv, { cwd: root }).trim();

function contentTag() {
  const files = git('ls-files', '-z', '--cached', '--others', '--exclude-standard', '--', ...CONTENT);
  const hash = createHash('sha256').update(readFileSync(join(here, 'lib', 'base-images.mjs')));
  for (const file of files.split('\0').sort()) {
    // Tests do not go into images.
    if (!file || /\.(int-)?spec\.ts$/.test(file)) continue;
    let bytes;
    try {
      bytes = readFileSync(join(root, file));
    } catch (error) {
      if (error.code === 'ENOENT') continue;
      throw error;
    }
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex').slice(0, 16);
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** Bytes that a node fetches for an image, or undefined where the registry does not have it. */
async function compressedBytes(name, tag) {
  const url = `http://${nodeIp()}:5000/v2/${name}/manifests/${tag}`;
  const response = await fetch(url, { headers: { accept: MANIFEST }, signal: AbortSignal.timeout(10_000) });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const { layers } = await response.json();
  return layers.reduce((sum, { size }) => sum + size, 0);
}

function build(service, tag, bases) {
  const started = Date.now();
  say(`building the image of ${service}`);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const remote = git('config', '--default', '', '--get', 'remote.origin.url');
  const values = {
    SERVICE: service,
    BUILD_IMAGE: bases.build,
    RUNTIME_IMAGE: bases.runtime,
    VERSION: version,
    REVISION: git('rev-parse', 'HEAD'),
    ...(/^https:/.test(remote) && { SOURCE: remote }),
  };
  const name = `localhost/zen/${service}:${tag}`;
  buildah(
    [
      'build',
      '--layers',
      '--pull-never',
      '--format=oci',
      `--arch=${arch}`,
      '--quiet',
      '--timestamp',
      git('log', '-1', '--format=%ct'),
      ...Object.entries(values).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]),
      '--file',
      join(root, 'infra', 'docker', 'Dockerfile'),
      '--tag',
      name,
      root,
    ],
    { timeoutMs: 1_500_000 },
  );
  buildah(
    ['push', '--quiet', '--tls-verify=false', name, `docker://${nodeIp()}:5000/zen/${service}:${tag}`],
    {
      timeoutMs: 300_000,
    },
  );
  say(`built in ${((Date.now() - started) / 1000).toFixed(0)} s`);
}

/** `--json` prints `{registry, tag, images}` on stdout. */
export async function load(argv) {
  const tag = contentTag();
  const images = [];
  for (const service of SERVICES) {
    const name = `zen/${service}`;
    if ((await compressedBytes(name, tag)) === undefined) build(service, tag, ensureBaseImages());
    images.push({ image: `${REGISTRY}/${name}:${tag}`, compressedBytes: await compressedBytes(name, tag) });
  }
  if (argv.includes('--json')) {
    console.log(JSON.stringify({ registry: REGISTRY, tag, images }));
    return;
  }
  for (const { image, compressedBytes: bytes } of images) {
    console.log(`${image}  ${(bytes / 1e6).toFixed(1)} MB compressed`);
  }
}
