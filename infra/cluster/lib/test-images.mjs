// Images that only tests need: a toolbox, Redis out of Debian packages, a packed model behind a web server, a voice.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { writeAccounts } from './base-images.mjs';
import { buildah, hasImage, imageFrom } from './buildah.mjs';
import { unpackPackages } from './debian-files.mjs';
import { cache, home, root } from './settings.mjs';
import { systemArchive, TOOLBOX_IMAGE } from './system-images.mjs';

const MODEL = 'smollm2-135m-instruct';
const LADDER = join(home, 'ladders', MODEL, 'quick');
const REDIS_PACKAGES =
  'redis-server redis-tools libc6 libatomic1 libjemalloc2 liblzf1 libssl3 libsystemd0 libcap2 libgcrypt20 libgpg-error0 liblz4-1 liblzma5 libzstd1 libgcc-s1 libstdc++6 liblua5.1-0 lua-bitop lua-cjson libhiredis0.14';

const digest = (text) => createHash('sha256').update(text).digest('hex').slice(0, 16);

function makeToolbox() {
  if (!hasImage(TOOLBOX_IMAGE))
    buildah(['pull', '--quiet', `docker-archive:${systemArchive(TOOLBOX_IMAGE)}`]);
  return TOOLBOX_IMAGE;
}

function makeRedis() {
  const folder = mkdtempSync(join(cache, 'redis-'));
  try {
    const rootfs = join(folder, 'rootfs');
    mkdirSync(rootfs);
    unpackPackages(REDIS_PACKAGES.split(' '), rootfs);
    writeAccounts(rootfs);
    const config = ['--user', '65532:65532', '--env', 'PATH=/usr/bin', '--cmd', 'redis-server'];
    return imageFrom('localhost/zen/redis:test', rootfs, { config });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function packModel() {
  if (existsSync(join(LADDER, 'index.json'))) return;
  const { status } = spawnSync(process.execPath, ['cli/dist/main.js', 'pack', MODEL, '--plan', 'quick'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) throw new Error(`packing ${MODEL} failed (exit ${status}); is the tree built?`);
}

/** The folder of the ladder under / of a web server that knows ranges: what the thinker fetches over http. */
function makeLadder() {
  return imageFrom('localhost/zen/test-ladder:test', LADDER, {
    base: makeToolbox(),
    target: `/ladders/${MODEL}`,
    config: ['--user', '65532:65532', '--cmd', 'httpd -f -v -p 8080 -h /ladders'],
  });
}

const VOICE = 'heart';

/** The voice's files, as they lie in a node's cache: a cluster need not reach where they come from. */
async function fetchVoice() {
  const { voiceEntry } = createRequire(import.meta.url)(join(root, 'packages', 'voices'));
  const { wheels } = voiceEntry(VOICE);
  const { status } = spawnSync(process.execPath, ['cli/dist/main.js', 'pull', VOICE], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0)
    throw new Error(`fetching the voice ${VOICE} failed (exit ${status}); is the tree built?`);
  return wheels;
}

function makeVoices(wheels) {
  const folder = mkdtempSync(join(cache, 'voices-'));
  try {
    for (const { name, files } of wheels) {
      mkdirSync(join(folder, name));
      for (const file of files) cpSync(join(home, 'speech', name, file.name), join(folder, name, file.name));
    }
    return imageFrom('localhost/zen/test-voices:test', folder, { base: makeToolbox(), target: '/speech' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A mixture of experts with random weights, small enough to be packed each time; its stages and chunks are real. */
const MIXTURE = 'tiny-mixture';
const MIXTURE_SHAPE = {
  hiddenSize: 128,
  ffnSize: 128,
  layers: 4,
  experts: { count: 8, perToken: 2, normalized: true, sharedFfnSize: 0 },
};

async function packMixture() {
  const folder = join(cache, MIXTURE);
  rmSync(folder, { recursive: true, force: true });
  const { packTinyMixture } = createRequire(import.meta.url)(join(root, 'packages', 'testing'));
  await packTinyMixture(folder, MIXTURE_SHAPE);
  return folder;
}

function makeMixture(folder) {
  return imageFrom('localhost/zen/test-mixture:test', folder, {
    base: makeToolbox(),
    target: `/ladders/${MIXTURE}`,
    config: ['--user', '65532:65532', '--cmd', 'httpd -f -v -p 8080 -h /ladders'],
  });
}

/** What `load` takes: names, tags and how to make them. */
export async function testImages() {
  packModel();
  const mixture = await packMixture();
  const wheels = await fetchVoice();
  return [
    { name: 'zen/toolbox', tag: digest(systemArchive(TOOLBOX_IMAGE)), make: makeToolbox },
    { name: 'zen/redis', tag: digest(REDIS_PACKAGES), make: makeRedis },
    { name: 'zen/test-ladder', tag: digest(readFileSync(join(LADDER, 'index.json'))), make: makeLadder },
    { name: 'zen/test-voices', tag: digest(JSON.stringify(wheels)), make: () => makeVoices(wheels) },
    {
      name: 'zen/test-mixture',
      tag: digest(readFileSync(join(mixture, 'index.json'))),
      make: () => makeMixture(mixture),
    },
  ];
}
