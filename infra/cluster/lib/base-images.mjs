// The two bases of infra/docker/Dockerfile where no public registry can be reached: the same shape, out of Debian
// packages and a Node that npm carries.
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { hasImage, imageFrom } from './buildah.mjs';
import { unpackPackages } from './debian-files.mjs';
import { run, say } from './run.mjs';
import { arch, cache } from './settings.mjs';

const NODE_VERSION = '22.23.3';
const NODE_PACKAGE = `node-linux-${{ amd64: 'x64', arm64: 'arm64' }[arch]}@${NODE_VERSION}`;
/** What a Node program with a C++ addon needs to run. */
const RUNTIME_PACKAGES = ['libc6', 'libgcc-s1', 'libstdc++6', 'ca-certificates', 'tzdata'];
const BUILD_PACKAGES = ['g++', 'make', 'ca-certificates'];

function scratch(fill) {
  const folder = mkdtempSync(join(cache, 'base-'));
  try {
    return fill(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Node as npm carries it; with npm itself where `npm` is set. */
function addNode(rootfs, folder, npm) {
  const into = join(rootfs, 'nodejs', 'bin');
  mkdirSync(into, { recursive: true });
  const tarball = run('npm', ['pack', '--silent', NODE_PACKAGE], { cwd: folder, timeoutMs: 600_000 }).trim();
  run('tar', ['-xzf', tarball, 'package/bin', 'package/LICENSE'], { cwd: folder });
  copyFileSync(join(folder, 'package', 'bin', 'node'), join(into, 'node'));
  chmodSync(join(into, 'node'), 0o755);
  // Its symbols are for debuggers only, and a third of it.
  run('strip', ['--strip-debug', join(into, 'node')]);
  if (!npm) return;
  const npmFolder = join(run('npm', ['root', '--global']).trim(), 'npm');
  cpSync(npmFolder, join(rootfs, 'nodejs', 'lib', 'node_modules', 'npm'), {
    recursive: true,
    dereference: true,
  });
  for (const name of ['npm', 'npx']) {
    writeFileSync(
      join(into, name),
      `#!/bin/sh\nexec node /nodejs/lib/node_modules/npm/bin/${name}-cli.js "$@"\n`,
      {
        mode: 0o755,
      },
    );
  }
}

export function writeAccounts(rootfs) {
  const etc = join(rootfs, 'etc');
  mkdirSync(etc, { recursive: true });
  writeFileSync(
    join(etc, 'passwd'),
    'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n',
  );
  writeFileSync(join(etc, 'group'), 'root:x:0:\nnonroot:x:65532:\n');
  writeFileSync(join(etc, 'nsswitch.conf'), 'hosts: files dns\n');
  mkdirSync(join(rootfs, 'tmp'), { recursive: true });
  chmodSync(join(rootfs, 'tmp'), 0o1777);
}

/** What the package's own script does when it is installed: all certificates in one file. */
function joinCertificates(rootfs) {
  const folder = join(rootfs, 'usr', 'share', 'ca-certificates', 'mozilla');
  const all = readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
  mkdirSync(join(rootfs, 'etc', 'ssl', 'certs'), { recursive: true });
  writeFileSync(join(rootfs, 'etc', 'ssl', 'certs', 'ca-certificates.crt'), all);
  rmSync(join(rootfs, 'usr', 'share', 'ca-certificates'), { recursive: true });
  rmSync(join(rootfs, 'usr', 'sbin'), { recursive: true, force: true });
}

function makeRuntime(name) {
  scratch((folder) => {
    const rootfs = join(folder, 'rootfs');
    mkdirSync(rootfs);
    const files = unpackPackages(RUNTIME_PACKAGES, rootfs);
    joinCertificates(rootfs);
    writeAccounts(rootfs);
    addNode(rootfs, folder, false);
    // The same place as in distroless images: what scanners and the SBOM read.
    const status = join(rootfs, 'var', 'lib', 'dpkg', 'status.d');
    mkdirSync(status, { recursive: true });
    for (const { name: packageName, control } of files) writeFileSync(join(status, packageName), control);
    writeFileSync(
      join(status, 'nodejs'),
      `Package: nodejs\nVersion: ${NODE_VERSION}\nArchitecture: ${arch}\n`,
    );
    imageFrom(name, rootfs, { config: ['--user', '65532:65532', '--arch', arch] });
  });
}

function makeBuild(name) {
  scratch((folder) => {
    const rootfs = join(folder, 'rootfs');
    run(
      'mmdebstrap',
      ['--variant=minbase', `--include=${BUILD_PACKAGES.join()}`, '--skip=cleanup/tmp', 'bookworm', rootfs],
      {
        timeoutMs: 900_000,
        cwd: folder,
      },
    );
    addNode(rootfs, folder, true);
    // Where this machine trusts more authorities than Debian does, packages can only be fetched with them.
    const bundle = '/etc/ssl/certs/ca-certificates.crt';
    if (existsSync(bundle)) copyFileSync(bundle, join(rootfs, bundle));
    imageFrom(name, rootfs, {
      config: [
        '--env',
        'PATH=/nodejs/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        '--env',
        `NODE_EXTRA_CA_CERTS=${bundle}`,
        '--env',
        'npm_config_prefix=/nodejs',
      ],
    });
  });
}

// What of the above must be made again when it changes; raise the number for a change of the code.
const recipe = [1, NODE_PACKAGE, ...RUNTIME_PACKAGES, ...BUILD_PACKAGES].join();
const tag = createHash('sha256').update(recipe).digest('hex').slice(0, 12);

/** Makes what is missing and returns the names of both. */
export function ensureBaseImages() {
  const names = { build: `localhost/zen/build:${tag}`, runtime: `localhost/zen/runtime:${tag}` };
  for (const [kind, make] of [
    ['runtime', makeRuntime],
    ['build', makeBuild],
  ]) {
    if (hasImage(names[kind])) continue;
    say(`making the ${kind} base image`);
    make(names[kind]);
  }
  return names;
}

/** Says which bases there are, for tags of what is built on them. */
export const baseTag = tag;
