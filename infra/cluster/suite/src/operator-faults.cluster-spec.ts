import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '@zen/config';
import { createLogger } from '@zen/telemetry';
import { settings } from '../../../../services/operator/src/config';
import { BLUEPRINT } from '../../../../services/operator/src/desired/blueprint.fixture';
import { type Operator, startOperator } from '../../../../services/operator/src/operator';
import { FaultProxy } from './fault-proxy';
import { TestNamespace } from './namespace';
import { imageOf } from './target';
import { until } from './until';
import { CHART } from './zen-release';

jest.setTimeout(300_000);

const DEFINITIONS = join(CHART, 'files', 'crds');

// The operator's own code against a real API server, with every fourth request going wrong in some way.
describe('an operator whose API server misbehaves', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zen-operator-'));
  let space: TestNamespace;
  let kubectlProxy: ChildProcess;
  let proxy: FaultProxy;
  const operators: Operator[] = [];

  async function startOne(apiServer: string): Promise<Operator> {
    const config = readConfig(settings, {
      ZEN_API_SERVER: apiServer,
      ZEN_NAMESPACE: space.namespace,
      ZEN_BLUEPRINT: join(folder, 'blueprint.json'),
      ZEN_LISTEN: '127.0.0.1:0',
      ZEN_LEASE: '4s',
      ZEN_RELIST: '10s',
    });
    const operator = await startOperator(config, createLogger('operator', 'silent'));
    operators.push(operator);
    return operator;
  }

  beforeAll(async () => {
    space = await TestNamespace.create('faults');
    // In the name of Helm, as a release leaves them: the next one must be able to change them.
    await space.kubectl([
      'apply',
      '--server-side',
      '--field-manager=helm',
      '--force-conflicts',
      '-f',
      DEFINITIONS,
    ]);
    for (const plural of ['zenmodels', 'expertpools']) {
      await space.wait(`crd/${plural}.zen.hanzo.ai`, 'condition=Established', 60_000);
    }
    const blueprint = structuredClone(BLUEPRINT);
    for (const { spec } of [blueprint.thinker, blueprint.expert, blueprint.expertRouter]) {
      const [container] = spec.template.spec.containers;
      // Pods that do nothing: what counts is what becomes of the objects.
      Object.assign(container, {
        image: imageOf(space.target, 'zen/toolbox').reference,
        command: ['sleep', '86400'],
        resources: { requests: { cpu: '1m', memory: '4Mi' }, limits: { memory: '64Mi' } },
      });
      Object.assign(spec.template.spec, {
        terminationGracePeriodSeconds: 1,
        volumes: [{ name: 'tmp', emptyDir: {} }],
      });
    }
    writeFileSync(join(folder, 'blueprint.json'), JSON.stringify(blueprint));
    const argv = space.kubectlArguments(['proxy', '--port=0']);
    kubectlProxy = spawn(space.target.kubectl, argv, { stdio: ['ignore', 'pipe', 'ignore'] });
    const [said] = (await once(kubectlProxy.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    proxy = new FaultProxy(`http://${/127\.0\.0\.1:\d+/.exec(said.toString())?.[0]}`);
    const address = await proxy.start();
    await startOne(address);
    await startOne(address);
  });
  afterAll(async () => {
    proxy.oneIn = 0;
    await Promise.all(operators.map((operator) => operator.stop()));
    await proxy.stop();
    kubectlProxy.kill();
    await space.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it('brings about all the same what its resources say, and drains what is deleted', () =>
    space.guard('faults', async () => {
      proxy.oneIn = 4;
      const resource = (kind: string, name: string, spec: object) => ({
        apiVersion: 'zen.hanzo.ai/v1alpha1',
        kind,
        metadata: { name },
        spec,
      });
      await space.apply(
        resource('ZenModel', 'a', { model: 'a', source: { claim: 'c' }, env: { ZEN_THREADS: '1' } }),
        resource('ExpertPool', 'x', { model: 'a', expertsPerPod: 4, source: { address: 'http://l/a' } }),
      );
      const experts = async () => (await space.get('statefulset', 'x-expert')).spec.replicas;
      await until('two expert pods are wanted', async () => (await experts()) === 2);
      await space.kubectl(['scale', 'expertpool/x', '--replicas=4']);
      await until('four', async () => (await experts()) === 4);
      await space.kubectl(['scale', 'expertpool/x', '--replicas=1']);
      await space.kubectl([
        'patch',
        'zenmodel/a',
        '--type=merge',
        '-p',
        '{"spec":{"env":{"ZEN_THREADS":"2"}}}',
      ]);
      await space.kubectl(['delete', 'service', 'x-expert']);
      await until('one, and everything as it is wanted', async () => {
        const thinker = await space.get('deployment', 'a-thinker');
        const env = thinker.spec.template.spec.containers[0].env as { name: string; value: string }[];
        const threads = env.find(({ name }) => name === 'ZEN_THREADS')?.value;
        await space.get('service', 'x-expert');
        const { status, metadata } = await space.get('expertpool', 'x');
        const seen = status.observedGeneration === metadata.generation && status.replicas === 1;
        return (await experts()) === 1 && threads === '2' && seen;
      });
      // Reads are few once all is well; sooner or later each kind of fault has met one.
      await until('every fault has come', () => [...proxy.done.values()].every((times) => times > 0));
      await space.kubectl(['delete', 'expertpool/x', 'zenmodel/a', '--timeout=150s'], {
        timeoutMs: 160_000,
      });
      await until('nothing is left', async () => {
        const left = await space.list('pods,deployments,statefulsets,services,pdb,networkpolicies');
        return left.length === 0;
      });
    }));
});
