import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk of a few megabytes, for tests of what happens when it is full. */
export interface SmallDisk {
  folder: string;
  grow(megabytes: number): void;
  unmount(): void;
}

/** Why no small disk can be mounted here, or null. */
export function smallDiskMissing(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'zen-disk-'));
  try {
    mountSmallDisk(folder, 1).unmount();
    return null;
  } catch (error) {
    const detail = (error as { stderr?: Buffer }).stderr ?? error;
    return `no small disk can be mounted here: ${String(detail).trim()}`;
  } finally {
    rmdirSync(folder);
  }
}

/** Mounts a small disk on `folder`; needs root on Linux. */
export function mountSmallDisk(folder: string, megabytes: number): SmallDisk {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'pipe' });
  return {
    folder,
    grow: (size) => void execFileSync('mount', ['-o', `remount,size=${size}m`, folder]),
    unmount: () => void execFileSync('umount', [folder]),
  };
}
