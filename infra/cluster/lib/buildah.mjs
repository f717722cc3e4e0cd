// buildah with its own storage in the cache. It runs in a mount namespace of its own: a killed build leaves no mount.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run.mjs';
import { cache } from './settings.mjs';

const storage = join(cache, 'buildah');

/** Runs one buildah command. */
export function buildah(argv, options = {}) {
  mkdirSync(storage, { recursive: true });
  const runRoot = mkdtempSync(join(cache, 'buildah-run-'));
  try {
    const places = ['--root', storage, '--runroot', runRoot, '--storage-driver', 'overlay'];
    return run('unshare', ['--mount', 'buildah', ...places, ...argv], {
      ...options,
      env: { ...process.env, BUILDAH_ISOLATION: 'chroot', TMPDIR: runRoot },
    });
  } finally {
    rmSync(runRoot, { recursive: true, force: true });
  }
}

/** Whether an image is in the storage. */
export function hasImage(name) {
  try {
    buildah(['inspect', '--type', 'image', name]);
    return true;
  } catch {
    return false;
  }
}

/** A layer out of a folder, at `target`, on top of `base` (default nothing). */
export function imageFrom(name, content, { base = 'scratch', target = '/', config = [] } = {}) {
  const container = buildah(['from', '--pull-never', base]).trim();
  try {
    buildah(['add', '--quiet', container, content, target], { timeoutMs: 600_000 });
    if (config.length > 0) buildah(['config', ...config, container]);
    buildah(['commit', '--quiet', '--timestamp', '0', container, name], { timeoutMs: 600_000 });
  } finally {
    buildah(['rm', container]);
  }
  return name;
}
