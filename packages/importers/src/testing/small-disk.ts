import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/** A disk of a few megabytes, for tests of what happens when it is full. */
export interface SmallDisk {
  folder: string;
  grow(megabytes: number): void;
  unmount(): void;
}

/** Mounts a small disk on `folder`, or says why that cannot be done here. */
export function mountSmallDisk(folder: string, megabytes: number): SmallDisk | { reason: string } {
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder], { stdio: 'pipe' });
  } catch (error) {
    const detail = (error as { stderr?: Buffer }).stderr ?? error;
    return { reason: `no small disk can be mounted here: ${String(detail).trim()}` };
  }
  return {
    folder,
    grow: (size) => void execFileSync('mount', ['-o', `remount,size=${size}m`, folder]),
    unmount: () => void execFileSync('umount', [folder]),
  };
}
