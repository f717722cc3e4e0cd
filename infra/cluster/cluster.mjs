#!/usr/bin/env node
// A real single-node Kubernetes for tests, without Docker: npm run cluster -- COMMAND
import { spawnSync } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { kubectl } from './lib/addons.mjs';
import { tools } from './lib/binaries.mjs';
import { componentNames, startComponent, stopComponent } from './lib/components.mjs';
import { adminKubeconfig } from './lib/credentials.mjs';
import { awaitApiServer, down, state, up } from './lib/lifecycle.mjs';
import { load } from './lib/load.mjs';
import { enterArguments } from './lib/namespaces.mjs';
import { nodeIp } from './lib/network.mjs';
import { CANNOT_RUN, CannotRun, cache, inside, run as runFolder } from './lib/settings.mjs';

const HELP = `usage: npm run cluster -- COMMAND

  up           start a single-node Kubernetes; what is missing is built or fetched once (about ten minutes)
  down         end it; leaves no process, mount, interface, cgroup or file outside the cache
  status       what runs, and where the kubeconfig is; exit 0 if all of it runs
  load         build the images of this tree and put them into the cluster's registry; --test: also what tests need
               (a toolbox, Redis, a small packed model), --json: as JSON
  shell [CMD]  a shell (or one command) inside the cluster's namespaces, with kubectl, helm and ctr
  start NAME   start one component again; waits until the API server answers if it is that
  stop NAME    stop one component: ${componentNames.join(', ')}

Needs Linux, root and Debian packages, which it installs; exit ${CANNOT_RUN} and the reason where that cannot be.

  ZEN_HOME         cache: binaries, images, the registry's content (now ${cache})
  ZEN_CLUSTER_DIR  everything of the running cluster (now ${runFolder})
`;

function status() {
  const { state: now, missing } = state();
  if (now === 'stopped') {
    console.log('stopped');
    process.exit(1);
  }
  console.log(`${now}${missing.length > 0 ? `; not running: ${missing.join(', ')}` : ''}
node        ${nodeIp()}
kubeconfig  ${adminKubeconfig}
logs        ${runFolder}/log`);
  if (!missing.includes('apiserver')) {
    console.log(kubectl(['get', 'pods', '--all-namespaces', '-o', 'wide'], { timeoutMs: 20_000 }).trimEnd());
  }
  process.exit(now === 'running' ? 0 : 1);
}

function shell(argv) {
  const path = [dirname(tools().kubectl), process.env.PATH].join(delimiter);
  const { status: code, error } = spawnSync(
    'nsenter',
    [...enterArguments(), ...(argv.length > 0 ? argv : ['bash'])],
    { stdio: 'inherit', env: { ...process.env, PATH: path, KUBECONFIG: `${inside.run}/admin.kubeconfig` } },
  );
  if (error) throw error;
  process.exit(code ?? 1);
}

async function printLoaded() {
  const loaded = await load({ test: rest.includes('--test') });
  if (rest.includes('--json')) {
    console.log(JSON.stringify(loaded, null, 1));
    return;
  }
  for (const { name, tag, compressedBytes } of loaded.images) {
    console.log(`${loaded.registry}/${name}:${tag}  ${(compressedBytes / 1e6).toFixed(1)} MB compressed`);
  }
}

const [command, ...rest] = process.argv.slice(2);
const COMMANDS = {
  up,
  down,
  status,
  load: printLoaded,
  shell: () => shell(rest[0] === '--' ? rest.slice(1) : rest),
  start: async () => {
    startComponent(rest[0]);
    if (rest[0] === 'apiserver') await awaitApiServer();
  },
  stop: () => stopComponent(rest[0]),
};

if (command === '--help' || !COMMANDS[command]) {
  (command === '--help' ? process.stdout : process.stderr).write(HELP);
  process.exit(command === '--help' ? 0 : 2);
}
try {
  await COMMANDS[command]();
} catch (error) {
  console.error(
    `[cluster] ${error instanceof CannotRun ? 'this machine cannot run a cluster: ' : ''}${error.message}`,
  );
  process.exit(error instanceof CannotRun ? CANNOT_RUN : 1);
}
