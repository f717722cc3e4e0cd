// Images of the cluster's own pods: one static program each, nothing else. They are loaded into containerd at `up`.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { binary } from './binaries.mjs';
import { PAUSE_IMAGE } from './configuration.mjs';
import { unpackPackages } from './debian-files.mjs';
import { runInside } from './namespaces.mjs';
import { run } from './run.mjs';
import { arch, cache, inside } from './settings.mjs';

/** A small system (sh, wget, httpd, nslookup, nc) for tests and for the volume provisioner's helper pods. */
export const TOOLBOX_IMAGE = 'localhost/zen/toolbox:1';

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const addProgram = (source, path) => (rootfs) => {
  mkdirSync(join(rootfs, path, '..'), { recursive: true });
  cpSync(source, join(rootfs, path));
};

/** Debian's BusyBox with its C library: a static one cannot resolve names. */
function addBusybox(rootfs) {
  unpackPackages(['busybox', 'libc6'], rootfs);
  mkdirSync(join(rootfs, 'tmp'), { recursive: true });
  chmodSync(join(rootfs, 'tmp'), 0o1777);
  const applets = run('chroot', [rootfs, '/bin/busybox', '--list']).split('\n');
  for (const name of applets) {
    if (name && name !== 'busybox') symlinkSync('busybox', join(rootfs, 'bin', name));
  }
}

const IMAGES = [
  {
    name: PAUSE_IMAGE,
    from: () => binary('init'),
    fill: addProgram(binary('init'), 'pause'),
    entrypoint: ['/pause'],
  },
  ...['coredns', 'metrics-server', 'local-path-provisioner'].map((program) => ({
    name: `localhost/zen/${program}:1`,
    from: () => binary(program),
    fill: addProgram(binary(program), program),
    entrypoint: [`/${program}`],
  })),
  { name: TOOLBOX_IMAGE, from: () => 'busybox with libc6', fill: addBusybox, entrypoint: [] },
];

/** An archive as `docker save` writes it; the same input gives the same bytes. */
function writeArchive({ name, fill, entrypoint }, target) {
  const folder = mkdtempSync(join(cache, 'image-'));
  try {
    const rootfs = join(folder, 'rootfs');
    mkdirSync(rootfs);
    fill(rootfs);
    const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
    run('tar', [...same, '-C', rootfs, '-cf', join(folder, 'layer.tar'), '.']);
    const config = JSON.stringify({
      architecture: arch,
      os: 'linux',
      config: { Entrypoint: entrypoint, Cmd: entrypoint.length > 0 ? [] : ['sh'], Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(readFileSync(join(folder, 'layer.tar')))}`] },
    });
    writeFileSync(join(folder, 'config.json'), config);
    writeFileSync(
      join(folder, 'manifest.json'),
      JSON.stringify([{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }]),
    );
    const part = `${target}.${process.pid}.part`;
    run('tar', [...same, '-C', folder, '-cf', part, 'manifest.json', 'config.json', 'layer.tar']);
    renameSync(part, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const archiveOf = ({ name, from, entrypoint }) =>
  join('images', `${sha256([name, from(), ...entrypoint].join('\0')).slice(0, 16)}.tar`);

/** Makes the archives that are missing. */
export function ensureSystemImages() {
  mkdirSync(join(cache, 'images'), { recursive: true });
  for (const image of IMAGES) {
    const target = join(cache, archiveOf(image));
    if (!existsSync(target)) writeArchive(image, target);
  }
}

/** Where the archive of one is. */
export const systemArchive = (name) => join(cache, archiveOf(IMAGES.find((image) => image.name === name)));

export function loadSystemImages() {
  for (const image of IMAGES) {
    runInside(['ctr', '--namespace=k8s.io', 'images', 'import', `${inside.cache}/${archiveOf(image)}`]);
  }
}
