import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpertsRelease } from './experts-release';
import { callsAt } from './gateway-calls';
import { TestNamespace } from './namespace';
import { type PortForward, portForward } from './port-forward';
import { until } from './until';
import { CHART } from './zen-release';

jest.setTimeout(600_000);

const NAME = 'zen';
const MODEL = 'zenmodel/tiny';
const POOL = 'expertpool/tiny';

// A mixture of experts as two resources, and what people do with them.
describe('models and pools as resources', () => {
  let space: TestNamespace;
  let zen: ExpertsRelease;
  let door: PortForward;
  let text = '';
  const list = async (): Promise<{ id: string; asleep?: boolean }[]> => {
    const response = await fetch(`http://${door.address}/v1/models`);
    return ((await response.json()) as { data: { id: string }[] }).data;
  };
  /** Greedy, at the top stage: whoever computes the experts, it is the same. */
  const answer = async () => {
    const body = {
      model: zen.model,
      messages: [{ role: 'user', content: 'Hello' }],
      max_tokens: 8,
      temperature: 0,
    };
    const headers = { 'x-zen-quality': 'full' };
    const { status, json } = await callsAt(door, 'none')('POST', '/v1/chat/completions', body, headers);
    return status === 200 ? (json.choices[0].message.content as string) : undefined;
  };
  const names = async (component: 'thinker' | 'expert') =>
    (await zen.podsOf(component === 'thinker' ? MODEL : POOL, component)).map(
      ({ metadata }) => metadata.name,
    );

  beforeAll(async () => {
    space = await TestNamespace.create('experts');
    await space.guard('install', async () => {
      zen = await ExpertsRelease.install(space, NAME, { values: { operator: { replicas: 2 } } });
      door = await portForward(space, `service/${NAME}-gateway`, 80);
    });
  });
  afterAll(async () => {
    await door?.close();
    await zen?.uninstall();
    await space.remove();
  });

  it('the API server refuses what cannot be meant', () =>
    space.guard('refused', async () => {
      const model = { model: 'm', source: { claim: 'c' } };
      const pool = { model: 'tiny', expertsPerPod: 4 };
      const refused = async (kind: 'ZenModel' | 'ExpertPool', name: string, spec: object) => {
        const object = { apiVersion: 'zen.hanzo.ai/v1alpha1', kind, metadata: { name }, spec };
        const argv = ['apply', '--dry-run=server', '-f', '-'];
        return (await space.tryKubectl(argv, { input: JSON.stringify(object) })).stderr;
      };
      for (const [kind, name, spec, message] of [
        ['ZenModel', 'a', {}, 'spec.source: Required value'],
        ['ZenModel', 'a', { ...model, source: { claim: 'c', image: 'i' } }, 'exactly one of address, image'],
        ['ZenModel', 'a', { ...model, source: { address: 'file:///x' } }, 'spec.source.address'],
        ['ZenModel', 'a', { ...model, source: { claim: 'c', path: '../x' } }, 'spec.source.path'],
        ['ZenModel', 'a', { ...model, replicas: 1001 }, 'spec.replicas'],
        ['ZenModel', 'a', { ...model, idleAfterSeconds: 3 }, 'idleAfterSeconds: 0 for never, or at least 5'],
        [
          'ZenModel',
          'a',
          { ...model, idleAfterSeconds: 60, wake: { onDemand: false } },
          'wake.onDemand: a model that sleeps',
        ],
        ['ZenModel', 'a', { ...model, env: { PATH: 'x' } }, 'begin with ZEN_'],
        ['ZenModel', 'a', { ...model, env: { ZEN_LADDER: 'x' } }, 'are set by the operator'],
        ['ZenModel', 'a', { ...model, env: { ZEN_TLS_CA: 'x' } }, 'are set by the operator'],
        ['ZenModel', 'a'.repeat(41), model, 'at most 40 characters'],
        ['ExpertPool', 'a.b', pool, 'must be a DNS label'],
        ['ExpertPool', 'a', { ...pool, expertsPerPod: 0 }, 'spec.expertsPerPod'],
        ['ExpertPool', 'a', { ...pool, stage: 5 }, 'spec.stage'],
        ['ExpertPool', 'a', { ...pool, resources: { limits: { memory: 'much' } } }, 'spec.resources.limits'],
      ] as const) {
        expect(await refused(kind, name, spec)).toContain(message);
      }
      expect(await refused('ExpertPool', 'a', pool)).toBe('');
    }));

  it('a model and its pool come to serve, and the gateway answers', () =>
    space.guard('serve', async () => {
      await zen.applyModel('tiny', { standInStage: 0, minStage: 1 });
      await zen.applyPool('tiny', { model: 'tiny', expertsPerPod: 6, replicas: 2 });
      await zen.reaches(POOL, 'Serving', 2);
      await zen.reaches(MODEL, 'Serving', 1);
      text = await until('an answer at the top stage', answer);
      expect(text).not.toBe('');
      const { status } = await space.get('zenmodel', 'tiny');
      expect(status).toMatchObject({ pool: 'tiny', conditions: [{ status: 'True' }, { status: 'True' }] });
      const events = (await space.list('events')).map(({ reason }) => reason);
      expect(events).toContain('Serving');
    }));

  it('kubectl scale adds one pod, and takes the youngest away', () =>
    space.guard('scale', async () => {
      await zen.scale(POOL, 3);
      await zen.reaches(POOL, 'Serving', 3);
      expect(await names('expert')).toEqual(['tiny-expert-0', 'tiny-expert-1', 'tiny-expert-2']);
      expect(await answer()).toBe(text);
      await zen.scale(POOL, 2);
      await zen.reaches(POOL, 'Serving', 2);
      await until('the third is gone', async () => (await names('expert')).length === 2);
      expect(await names('expert')).toEqual(['tiny-expert-0', 'tiny-expert-1']);
      expect(await answer()).toBe(text);
    }));

  it('an autoscaler scales it too', () =>
    space.guard('hpa', async () => {
      await space.apply({
        apiVersion: 'autoscaling/v2',
        kind: 'HorizontalPodAutoscaler',
        metadata: { name: 'tiny' },
        spec: {
          scaleTargetRef: { apiVersion: 'zen.hanzo.ai/v1alpha1', kind: 'ExpertPool', name: 'tiny' },
          minReplicas: 3,
          maxReplicas: 3,
          metrics: [
            {
              type: 'Resource',
              resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
            },
          ],
        },
      });
      await until('a third pod', async () => (await names('expert')).length === 3);
      await space.kubectl(['delete', 'hpa', 'tiny']);
      await zen.scale(POOL, 2);
    }));

  it('another operator leads when the leader is killed', () =>
    space.guard('leader', async () => {
      const before = await zen.leader();
      await zen.killPod(before);
      await until('another one leads', async () => ![before, ''].includes(await zen.leader()));
      await zen.reaches(POOL, 'Serving', 2);
    }));

  it('a model without thinkers stays listed, its experts go too, and a request wakes it', () =>
    space.guard('sleep', async () => {
      await zen.scale(MODEL, 0);
      await zen.reaches(MODEL, 'Asleep', 0);
      await zen.reaches(POOL, 'Asleep', 0);
      expect([await names('thinker'), await names('expert')]).toEqual([[], []]);
      const listed = await until('it is listed as asleep', async () => {
        return (await list()).find(({ id, asleep }) => id === zen.model && asleep);
      });
      expect(listed).toMatchObject({ wakes_on_demand: true });
      // Held until a stage is there, and answered; the top one follows.
      const { status } = await callsAt(door, 'none')('POST', '/v1/completions', {
        model: zen.model,
        prompt: 'Hello',
        max_tokens: 1,
      });
      expect(status).toBe(200);
      expect((await space.get('zenmodel', 'tiny')).spec.replicas).toBe(1);
      await zen.reaches(POOL, 'Serving', 2);
      expect(await until('the same answer as before', answer)).toBe(text);
    }));

  it('an idle model goes to sleep by itself', () =>
    space.guard('idle', async () => {
      const patch = (spec: object) =>
        space.kubectl(['patch', MODEL, '--type=merge', '-p', JSON.stringify({ spec })]);
      await patch({ idleAfterSeconds: 5 });
      await zen.reaches(MODEL, 'Asleep', 0);
      await patch({ idleAfterSeconds: 0, replicas: 1 });
      await zen.reaches(MODEL, 'Serving', 1);
    }));

  it('what is deleted is drained, and leaves nothing', () =>
    space.guard('delete', async () => {
      await space.kubectl(['delete', POOL, '--timeout=200s'], { timeoutMs: 210_000 });
      expect(await names('expert')).toEqual([]);
      // The model goes on, with all experts of its own.
      await zen.reaches(MODEL, 'Serving', 1);
      expect(await until('the same answer as before', answer)).toBe(text);
      await space.kubectl(['delete', MODEL, '--timeout=200s'], { timeoutMs: 210_000 });
      const left = async () =>
        space.list(
          'pods,deployments,statefulsets,services,pdb,networkpolicies',
          'app.kubernetes.io/managed-by=zen-operator',
        );
      await until('nothing is left', async () => (await left()).length === 0);
    }));

  it('the definitions follow an upgrade of the chart', () =>
    space.guard('definitions', async () => {
      const columns = async () =>
        space.kubectl([
          'get',
          'crd/zenmodels.zen.hanzo.ai',
          '-o',
          'jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}',
        ]);
      const wanted = await columns();
      expect(wanted).toMatch(/^Model .* Age$/);
      // A chart of another version, whose definition has one column less.
      const other = mkdtempSync(join(tmpdir(), 'zen-chart-'));
      try {
        cpSync(CHART, other, { recursive: true });
        const file = join(other, 'files', 'crds', 'zenmodels.yaml');
        const text = readFileSync(file, 'utf8');
        writeFileSync(file, text.replace(/^ +- \{ ?name: Model,.*\n/m, ''));
        for (const [chart, expected] of [
          [other, wanted.replace('Model ', '')],
          [CHART, wanted],
        ] as const) {
          await space.helm(['upgrade', NAME, chart, '--reuse-values'], { timeoutMs: 120_000 });
          expect(await columns()).toBe(expected);
        }
      } finally {
        rmSync(other, { recursive: true, force: true });
      }
    }));
});
