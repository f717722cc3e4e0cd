// The images of this tree's services, built under a tag that says their content.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { baseTag, ensureBaseImages } from './base-images.mjs';
import { buildah } from './buildah.mjs';
import { run, say } from './run.mjs';
import { arch, root } from './settings.mjs';

const SERVICES = ['gateway', 'thinker', 'talker', 'delta-store', 'operator', 'expert-router', 'expert'];
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
  const hash = createHash('sha256').update(baseTag);
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
  say(`built in ${((Date.now() - started) / 1000).toFixed(0)} s`);
  return name;
}

/** What `load` takes: names, tags and how to make them. */
export function serviceImages() {
  const tag = contentTag();
  return SERVICES.map((service) => ({
    name: `zen/${service}`,
    tag,
    make: () => build(service, tag, ensureBaseImages()),
  }));
}
