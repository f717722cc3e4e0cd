import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, run } from './command';
import { ROOT, readTarget } from './target';
import { until } from './until';

const PROGRAM = join(ROOT, 'infra', 'cluster', 'cluster.mjs');
const describeLocal = readTarget().local ? describe : describe.skip;

// A second cluster beside the one under test.
describeLocal('npm run cluster', () => {
  const parent = mkdtempSync('/tmp/zen-lifecycle-');
  const folder = join(parent, 'run');
  const env = { ZEN_CLUSTER_DIR: folder };
  const cluster = (...argv: string[]) =>
    run(process.execPath, [PROGRAM, ...argv], { env, timeoutMs: 300_000 });
  afterAll(async () => {
    await cluster('down');
    rmSync(parent, { recursive: true, force: true });
  });

  /** All of a machine that a cluster could leave something in, less what is of other clusters. */
  async function machine(): Promise<Record<string, string[]>> {
    const mine = (text: string) => text.includes(parent);
    const processes = readdirSync('/proc').filter((pid) => {
      try {
        return /^\d+$/.test(pid) && mine(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
      } catch {
        return false;
      }
    });
    const names = (path: string) => (existsSync(path) ? readdirSync(path).sort() : []);
    const filter = await attempt('iptables-save', []);
    return {
      processes,
      mounts: readFileSync('/proc/mounts', 'utf8')
        .split('\n')
        .filter((line) => /kubelet|containerd|cni/.test(line) || mine(line)),
      interfaces: names('/sys/class/net').filter(
        (name) => !/^zen-cluster/.test(name) || name === `zen-cluster${number}`,
      ),
      rules: filter.stdout.split('\n').filter((line) => line.startsWith('-A') || /KUBE|CNI/.test(line)),
      cgroups: readdirSync('/sys/fs/cgroup').flatMap((h) =>
        names(`/sys/fs/cgroup/${h}`).filter((name) => name === `zen-cluster${number}`),
      ),
      files: [
        '/run',
        '/run/netns',
        '/run/containerd',
        '/var/lib',
        '/var/lib/cni',
        '/var/log',
        '/etc/cni',
        parent,
      ].flatMap((path) => names(path).map((name) => join(path, name))),
    };
  }
  let number = 'none yet';

  it('comes up twice, survives the death of a first up, and leaves nothing', async () => {
    const before = await machine();
    const first = spawn(process.execPath, [PROGRAM, 'up'], {
      env: { ...process.env, ...env },
      stdio: 'ignore',
    });
    await until('half of the components run', () => existsSync(join(folder, 'pids', 'apiserver')));
    first.kill('SIGKILL');
    await once(first, 'exit');

    await cluster('up');
    number = readFileSync(join(folder, 'address'), 'utf8').split('.')[2] ?? '';
    expect(await cluster('status')).toMatch(/^running\n/);
    expect((await machine()).processes).not.toEqual([]);
    await cluster('up');

    await cluster('stop', 'apiserver');
    const partial = await attempt(process.execPath, [PROGRAM, 'status'], { env });
    expect(partial).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^partial; not running: apiserver\n/),
    });
    await cluster('start', 'apiserver');
    expect(await cluster('status')).toMatch(/^running\n/);

    await cluster('down');
    expect(await machine()).toEqual(before);
    await cluster('down');
    expect((await attempt(process.execPath, [PROGRAM, 'status'], { env })).stdout).toBe('stopped\n');
  });

  it('says why where it cannot run, with a status of its own', async () => {
    const nobody = await attempt(
      'setpriv',
      ['--reuid=65534', '--clear-groups', process.execPath, PROGRAM, 'up'],
      { env },
    );
    expect(nobody).toMatchObject({ status: 69, stderr: expect.stringContaining('a cluster needs root') });
  });
});
