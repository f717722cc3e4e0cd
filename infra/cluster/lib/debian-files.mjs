// Files out of Debian packages, without installing them.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.mjs';
import { cache } from './settings.mjs';

/** Unpacks packages into `rootfs`, less what no program reads; returns the control text of each by name. */
export function unpackPackages(packages, rootfs) {
  const folder = mkdtempSync(join(cache, 'debian-'));
  try {
    run('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', ...packages], {
      cwd: folder,
      timeoutMs: 300_000,
    });
    const files = readdirSync(folder).sort();
    const controls = files.map((file) => {
      run('dpkg-deb', ['-x', join(folder, file), rootfs]);
      return { name: file.split('_')[0], control: run('dpkg-deb', ['-f', join(folder, file)]) };
    });
    // The texts of licences (doc) stay.
    for (const name of ['man', 'locale', 'lintian', 'bug', 'gcc', 'gdb']) {
      rmSync(join(rootfs, 'usr', 'share', name), { recursive: true, force: true });
    }
    const libraries = `${{ x64: 'x86_64', arm64: 'aarch64' }[process.arch]}-linux-gnu`;
    for (const name of ['gconv', 'audit']) {
      rmSync(join(rootfs, 'usr', 'lib', libraries, name), { recursive: true, force: true });
    }
    return controls;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
