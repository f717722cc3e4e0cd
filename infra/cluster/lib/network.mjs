// One link between this machine and the cluster: 10.245.N.254 on this side, 10.245.N.1, the node, on the other.
// N is the first that is free, so that clusters with different run folders do not meet.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInside } from './namespaces.mjs';
import { run, works } from './run.mjs';
import { CannotRun, run as runFolder } from './settings.mjs';

/** Written once the link is there. */
export const addressFile = join(runFolder, 'address');

/** The node's address, reachable from this machine and from every pod. */
export const nodeIp = () => readFileSync(addressFile, 'utf8').trim();
/** Number of this cluster on this machine. */
export const clusterNumber = () => Number(nodeIp().split('.')[2]);

export function connect(pid) {
  const used = run('ip', ['-4', '-o', 'address']) + run('ip', ['-4', 'route']);
  for (let n = 0; n < 64; n++) {
    if (used.includes(`10.245.${n}.`)) continue;
    const link = `zen-cluster${n}`;
    // Taking the name is atomic: whoever comes second tries the next.
    if (!works('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)])) {
      continue;
    }
    run('ip', ['address', 'add', `10.245.${n}.254/24`, 'dev', link]);
    run('ip', ['link', 'set', link, 'up']);
    runInside(['ip', 'address', 'add', `10.245.${n}.1/24`, 'dev', 'eth0']);
    runInside(['ip', 'link', 'set', 'eth0', 'up']);
    runInside(['ip', 'route', 'add', 'default', 'via', `10.245.${n}.254`]);
    writeFileSync(addressFile, `10.245.${n}.1\n`);
    return;
  }
  throw new CannotRun('no free network 10.245.N.0/24 for the link to the cluster');
}

/** Takes the link away while the cluster still holds its number. */
export function disconnect() {
  const link = `zen-cluster${clusterNumber()}`;
  if (existsSync(`/sys/class/net/${link}`)) run('ip', ['link', 'delete', link]);
}
