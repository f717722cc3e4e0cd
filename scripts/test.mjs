#!/usr/bin/env node
// Runs every suite and adds up their counts. `--check` leaves out what needs weights, sockets or minutes.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const args = process.argv.slice(2);
if (args.includes('--help')) {
  console.log(`usage: npm test [-- --only SUITE]
       npm run check

Suites: generated, lint, tiers, licences, types, unit, chart, native, integration, cluster.
cluster is skipped, with the reason, on a machine that cannot run one.
The last line adds up all suites: N passed, N failed, N skipped.`);
  process.exit(0);
}
const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : undefined;
const reports = mkdtempSync(join(tmpdir(), 'zen-test-'));

/** A check is one test: it passes or fails as a whole. */
const check = (name, file, argv) => ({
  name,
  file,
  argv,
  count: (status) => [status === 0 ? 1 : 0, status === 0 ? 0 : 1, 0],
});

/** Every native program is one test; each ends with `NAME: N passed, N failed`, counting its single checks. */
const native = () => ({
  name: 'native',
  file: 'nice',
  argv: ['-n', '10', process.execPath, 'scripts/check-native.mjs'],
  count(status, output) {
    const programs = [...output.matchAll(/^\w+: (\d+) passed, (\d+) failed$/gm)];
    const failed = programs.filter((program) => Number(program[2]) > 0 || Number(program[1]) === 0).length;
    const skipped = [...output.matchAll(/^skipped: /gm)].length;
    return [programs.length - failed, status === 0 ? failed : Math.max(failed, 1), skipped];
  },
});

/** What failed, said again at the very end: the output of a whole run is long, and its start may be cut off. */
const failures = [];

function failuresIn(project, { testResults }) {
  const stripped = (text) =>
    stripVTControlCharacters(text ?? '')
      .trim()
      .split('\n')
      .slice(0, 12)
      .join('\n    ');
  return testResults
    .filter(({ status }) => status === 'failed')
    .flatMap(({ name, message, assertionResults }) => {
      const file = `${project} ${relative(process.cwd(), name)}`;
      const failed = assertionResults.filter(({ status }) => status === 'failed');
      if (failed.length === 0) return [`${file}\n    ${stripped(message)}`];
      return failed.map((test) => `${file}: ${test.fullName}\n    ${stripped(test.failureMessages[0])}`);
    });
}

/** A project, or a part of it: `shard` is "1/2" or the like. */
const jest = (project, extra, shard) => {
  const report = join(reports, `${project}-${shard?.replace('/', 'of') ?? 'all'}.json`);
  return {
    name: project,
    shard,
    report,
    file: 'npx',
    argv: [
      'jest',
      '--selectProjects',
      project,
      '--json',
      `--outputFile=${report}`,
      ...(shard ? [`--shard=${shard}`] : []),
      ...extra,
    ],
    count(status) {
      if (!existsSync(report)) return [0, 1, 0];
      const r = JSON.parse(readFileSync(report, 'utf8'));
      failures.push(...failuresIn(project, r));
      const failed = r.numFailedTests + r.numRuntimeErrorTestSuites;
      return [r.numPassedTests, status === 0 ? failed : Math.max(failed, 1), r.numPendingTests];
    },
  };
};

/** Exit status of a machine that cannot run a cluster: no failure of the tree. */
const CANNOT_RUN = 69;

const cluster = () => {
  const { count, report } = jest('cluster', []);
  return {
    name: 'cluster',
    file: process.execPath,
    argv: ['infra/cluster/test.mjs', '--json', '--outputFile', report],
    count: (status) => (status === CANNOT_RUN ? [0, 0, 1] : count(status)),
  };
};

const quick = [
  check('generated', 'sh', ['scripts/check-generated.sh']),
  check('lint', 'npx', ['biome', 'check', '.']),
  check('tiers', process.execPath, ['scripts/check-tiers.mjs']),
  check('licences', process.execPath, ['scripts/check-licences.mjs']),
  check('types', 'npx', ['tsc', '-b']),
  jest('unit', []),
  jest('chart', []),
];
// A test that failed the first time may leave a server behind, which must not keep the whole run from its end.
const integration = (shard) => jest('integration', ['--runInBand', '--forceExit'], shard);
// Lanes side by side: the integration tests and the cluster's wait much, and the native ones take what is left.
const lanes = args.includes('--check')
  ? [quick]
  : [[...quick, integration('1/2')], [cluster()], [integration('2/2')], [native()]];
for (const [at, lane] of lanes.entries()) lanes[at] = lane.filter((s) => !only || s.name === only);
const suites = lanes.flat();
if (suites.length === 0) {
  console.error(`no suite is called "${only}"`);
  process.exit(2);
}

if (suites.some(({ name }) => name === 'integration')) {
  spawnSync(process.execPath, ['scripts/test-servers.mjs'], { stdio: ['ignore', 2, 2] });
}

/** What the first lane says is shown at once; another is heard when those before it are through, and nothing is mixed. */
function voice(isFirst) {
  let held = isFirst ? undefined : [];
  return {
    say(data) {
      if (held) held.push(data);
      else process.stderr.write(data);
    },
    release() {
      for (const data of held ?? []) process.stderr.write(data);
      held = undefined;
    },
  };
}

function runSuite(suite, { say }) {
  return new Promise((resolve) => {
    // jest --json also prints its report to stdout; the readable output is on stderr.
    const child = spawn(suite.file, suite.argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
      if (!suite.argv.includes('--json')) say(data);
    });
    child.stderr.on('data', say);
    child.on('close', (status) => resolve(suite.count(status ?? 1, output)));
    child.on('error', (error) => {
      say(`${suite.name}: ${error.message}\n`);
      resolve([0, 1, 0]);
    });
  });
}

const total = [0, 0, 0];
const failedSuites = [];
async function runLane(lane, out) {
  for (const suite of lane) {
    const started = Date.now();
    const name = [suite.name, suite.shard].filter(Boolean).join(' ');
    out.say(`\n== ${name}\n`);
    const counts = await runSuite(suite, out);
    counts.forEach((n, i) => {
      total[i] += n;
    });
    if (counts[1] > 0) failedSuites.push(suite.name);
    const [ok, not, skipped] = counts;
    const seconds = ((Date.now() - started) / 1000).toFixed(0);
    out.say(`== ${name}: ${ok} ok, ${not} not, ${skipped} skipped, ${seconds} s\n`);
  }
}

const voices = lanes.map((_, at) => voice(at === 0));
const through = new Set();
let speaking = 0;
await Promise.all(
  lanes.map(async (lane, at) => {
    await runLane(lane, voices[at]);
    through.add(at);
    while (through.has(speaking)) voices[++speaking]?.release();
  }),
);
rmSync(reports, { recursive: true });
for (const failure of failures) console.log(`\nFAILED ${failure}`);
if (failedSuites.length > 0) console.log(`\nfailed: ${failedSuites.join(', ')}`);
console.log(`\n${total[0]} passed, ${total[1]} failed, ${total[2]} skipped`);
process.exit(total[1] > 0 ? 1 : 0);
