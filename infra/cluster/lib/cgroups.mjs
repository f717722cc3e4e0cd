// The cgroup below which the kubelet puts all pods: the only thing of a cluster that no namespace holds.
import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './run.mjs';

const base = '/sys/fs/cgroup';

/** One folder per hierarchy (version 1), or the only one (version 2). */
const hierarchies = () =>
  existsSync(join(base, 'cgroup.controllers'))
    ? [base]
    : readdirSync(base, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => join(base, name));

export function createCgroup(name) {
  for (const hierarchy of hierarchies()) mkdirSync(join(hierarchy, name), { recursive: true });
}

function removeTree(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  }
  rmdirSync(folder);
}

/** Processes leave a cgroup a moment after they died: until then it is busy. */
export async function removeCgroup(name) {
  for (const hierarchy of hierarchies()) {
    const folder = join(hierarchy, name);
    await until(
      `removing ${folder}`,
      () => {
        if (existsSync(folder)) removeTree(folder);
        return true;
      },
      20_000,
      50,
    );
  }
}
