#!/usr/bin/env node
// Runs the cluster suite: against a cluster of its own, or against one of the kubeconfig.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tools } from './lib/binaries.mjs';
import { adminKubeconfig } from './lib/credentials.mjs';
import { down, logTails, state, up } from './lib/lifecycle.mjs';
import { load } from './lib/load.mjs';
import { nodeIp } from './lib/network.mjs';
import { run } from './lib/run.mjs';
import { CANNOT_RUN, CannotRun, here, root, run as runFolder } from './lib/settings.mjs';

const LADDERS = 'zen-test-ladders';
const HELP = `usage: npm run test:cluster -- [OPTIONS] [JEST ARGUMENTS]

Without --context: starts the local cluster (npm run cluster -- --help), loads the images of this tree into it, runs
the tests, and ends it unless it ran before. Exit ${CANNOT_RUN} and the reason where this machine cannot run one.

  --keep             leave the local cluster running
  --context NAME     test the cluster of this context instead
  --kubeconfig FILE  where that context is (default $KUBECONFIG or ~/.kube/config)
  --registry HOST    where the images of --images are, with --context
  --images FILE      their names and tags: the output of npm run -s cluster -- load --test --json
  --reports FOLDER   what failed tests leave (default node_modules/.zen/cluster-reports)
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean' },
    keep: { type: 'boolean' },
    context: { type: 'string' },
    kubeconfig: { type: 'string' },
    registry: { type: 'string' },
    images: { type: 'string' },
    reports: { type: 'string', default: join(root, 'node_modules', '.zen', 'cluster-reports') },
    json: { type: 'boolean' },
    outputFile: { type: 'string' },
    testNamePattern: { type: 'string', short: 't' },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

function foreignTarget() {
  if (!values.registry || !values.images) throw new Error('--context needs --registry and --images');
  return {
    kubeconfig: values.kubeconfig ?? process.env.KUBECONFIG ?? join(homedir(), '.kube', 'config'),
    context: values.context,
    registry: values.registry,
    registryAddress: '',
    images: JSON.parse(readFileSync(values.images, 'utf8')).images,
    local: false,
  };
}

async function localTarget() {
  await up();
  return {
    kubeconfig: adminKubeconfig,
    context: 'zen',
    ...(await load({ test: true })),
    registryAddress: `${nodeIp()}:5000`,
    local: true,
  };
}

/** A kubeconfig with nothing but the context under test, current. */
function onlyThisContext({ kubeconfig, context }) {
  const file = join(values.reports, 'kubeconfig');
  const argv = ['--kubeconfig', kubeconfig, 'config', 'view', '--minify', '--flatten', '--context', context];
  writeFileSync(file, run(tools().kubectl, argv), { mode: 0o600 });
  return file;
}

/** The packed model behind a web server, for all tests; made anew so that it is the one of these images. */
function startLadderServer({ kubeconfig, registry, images }) {
  const kubectl = (argv, options) => run(tools().kubectl, ['--kubeconfig', kubeconfig, ...argv], options);
  const { name, tag } = images.find((image) => image.name === 'zen/test-ladder');
  const template = readFileSync(join(here, 'suite', 'ladder-server.json'), 'utf8');
  const items = JSON.parse(template.replace('IMAGE', `${registry}/${name}:${tag}`));
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: LADDERS } };
  kubectl(['apply', '-f', '-'], { input: JSON.stringify(namespace) });
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  kubectl(['--namespace', LADDERS, 'apply', '-f', '-'], { input: list });
  kubectl(['--namespace', LADDERS, 'rollout', 'status', 'deployment/ladders', '--timeout=180s'], {
    timeoutMs: 200_000,
  });
  return `http://ladders.${LADDERS}.svc.cluster.local:8080/smollm2-135m-instruct`;
}

function runJest(target) {
  const jestArguments = [
    '--selectProjects',
    'cluster',
    '--runInBand',
    '--testTimeout=600000',
    ...positionals,
  ];
  if (values.json) jestArguments.push('--json', `--outputFile=${values.outputFile}`);
  if (values.testNamePattern) jestArguments.push('--testNamePattern', values.testNamePattern);
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'node_modules', 'jest', 'bin', 'jest.js'), ...jestArguments],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        ZEN_CLUSTER_TARGET: JSON.stringify(target),
        ZEN_TEST_KUBECONFIG: target.kubeconfig,
        ZEN_TEST_REGISTRY: target.registry,
        ZEN_TEST_TAG: target.images.find(({ name }) => name === 'zen/gateway').tag,
        ZEN_TEST_LADDER: target.ladder,
      },
    },
  );
  return status ?? 1;
}

const ours = !values.context && state().state !== 'running';
let status = 1;
try {
  mkdirSync(values.reports, { recursive: true });
  const target = values.context ? foreignTarget() : await localTarget();
  target.kubeconfig = onlyThisContext(target);
  const ladder = startLadderServer(target);
  const { helm, kubectl } = tools();
  status = runJest({ helm, kubectl, ...target, ladder, reports: values.reports });
  run(kubectl, ['--kubeconfig', target.kubeconfig, 'delete', 'namespace', LADDERS, '--wait=false']);
} catch (error) {
  const cannot = error instanceof CannotRun;
  console.error(`[cluster] ${cannot ? 'this machine cannot run a cluster: ' : ''}${error.message}`);
  if (!cannot && !values.context && existsSync(runFolder)) console.error(logTails());
  status = cannot ? CANNOT_RUN : 1;
} finally {
  if (ours && !values.keep) await down();
}
process.exit(status);
