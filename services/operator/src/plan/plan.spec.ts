import type { Workload } from '../desired/blueprint';
import { FOLLOWS_LABEL } from '../resource/group';
import { model, pool } from '../resource/resources.fixture';
import { SimulatedNamespace } from '../world/simulated-namespace.fixture';
import { stepTo } from './plan-pool';

const labelled = (space: SimulatedNamespace, value: string) =>
  [...space.pods.values()].filter(({ metadata }) => Object.values(metadata.labels ?? {}).includes(value));
const statusOf = (space: SimulatedNamespace, name: string) => space.resources.get(name)?.status;

function open(): SimulatedNamespace {
  const space = new SimulatedNamespace();
  space.create(model('a'));
  space.create(pool('x', { replicas: 3 }));
  space.settle();
  return space;
}

describe('what a namespace comes to', () => {
  test('a model and its pool serve', () => {
    const space = open();
    expect(statusOf(space, 'ZenModel a')).toMatchObject({
      phase: 'Serving',
      replicas: 1,
      readyReplicas: 1,
      pool: 'x',
      selector: expect.stringContaining('zen.hanzo.ai/zenmodel=a'),
    });
    expect(statusOf(space, 'ExpertPool x')).toMatchObject({
      phase: 'Serving',
      replicas: 3,
      router: 'x-expert-router:50081',
      conditions: [
        { type: 'Ready', status: 'True', reason: 'Ready' },
        { type: 'Reconciled', status: 'True', reason: 'Applied' },
      ],
    });
    expect(labelled(space, 'expert')).toHaveLength(3);
    expect(labelled(space, 'expert-router')).toHaveLength(1);
    expect(labelled(space, 'thinker')).toHaveLength(1);
  });

  test('a pool grows at once and shrinks pod by pod', () => {
    const space = open();
    space.change('ExpertPool x', { replicas: 6 });
    space.settle();
    expect(labelled(space, 'expert')).toHaveLength(6);
    space.change('ExpertPool x', { replicas: 2 });
    space.settle();
    expect(labelled(space, 'expert')).toHaveLength(2);
    expect(space.mostLeaving).toBe(1);
  });

  test.each([
    [5, 2, 2, 5],
    [2, 5, 5, 4],
    [2, 4, 5, 4],
    [2, 4, 4, 3],
    [0, 4, 4, 0],
    [3, 3, 3, 3],
  ])('to %i from %i with %i running: %i', (target, current, running, next) =>
    expect(stepTo(target, current, running)).toBe(next),
  );

  test('a sleeping model takes its experts along, and they come back with it', () => {
    const space = open();
    space.change('ZenModel a', { replicas: 0 });
    space.settle();
    expect(space.pods.size).toBe(0);
    expect(statusOf(space, 'ZenModel a')).toMatchObject({ phase: 'Asleep', replicas: 0 });
    expect(statusOf(space, 'ExpertPool x')).toMatchObject({ phase: 'Asleep' });
    space.change('ZenModel a', { replicas: 1 });
    space.settle();
    expect([labelled(space, 'thinker').length, labelled(space, 'expert').length]).toEqual([1, 3]);
  });

  test('an idle model goes to sleep when nobody has used it for the time, by our clock', () => {
    const space = open();
    space.change('ZenModel a', { idleAfterSeconds: 60, replicas: 2 });
    space.settle();
    const replicas = () => space.resources.get('ZenModel a')?.spec.replicas;
    space.nowMs += 59_000;
    space.settle();
    expect(replicas()).toBe(2);
    // A gateway whose clock is a year behind uses it.
    space.use('ZenModel a', '2025-11-26T00:00:00Z');
    space.settle();
    space.nowMs += 59_000;
    space.settle();
    expect(replicas()).toBe(2);
    space.nowMs += 1_001;
    space.settle();
    expect(replicas()).toBe(0);
    expect(labelled(space, 'thinker')).toHaveLength(0);
  });

  test('of two pools of one model the older one has it, and the other takes over when it goes', () => {
    const space = open();
    space.create(pool('y'));
    space.settle();
    expect(statusOf(space, 'ExpertPool y')).toMatchObject({
      phase: 'Blocked',
      conditions: [{ type: 'Ready', status: 'False', reason: 'ModelTaken' }, {}],
    });
    space.delete('ExpertPool x');
    space.settle();
    expect(space.resources.has('ExpertPool x')).toBe(false);
    expect(statusOf(space, 'ZenModel a')).toMatchObject({ pool: 'y', phase: 'Serving' });
  });

  test('a pool without a model to take its ladder from says so, and serves once there is one', () => {
    const space = new SimulatedNamespace();
    space.create(pool('x'));
    space.settle();
    expect(statusOf(space, 'ExpertPool x')).toMatchObject({
      phase: 'Blocked',
      conditions: [{ reason: 'ModelMissing', message: expect.stringMatching(/^source: .*"a"/) }, {}],
    });
    expect(space.made.size).toBe(0);
    space.create(model('a'));
    space.settle();
    expect(statusOf(space, 'ExpertPool x')).toMatchObject({ phase: 'Serving' });
  });

  test('a deleted pool is drained after its thinkers have let go of it', () => {
    const space = open();
    const leaving = (value: string) =>
      labelled(space, value).filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
    space.delete('ExpertPool x');
    // The thinker that follows its router is told to go, and has answers to finish.
    for (let round = 0; round < 10; round++) {
      space.pass();
      for (const name of [...space.made.keys()]) space.step(name);
    }
    expect(leaving('thinker').map(({ metadata }) => metadata.labels?.[FOLLOWS_LABEL])).toEqual(['x']);
    expect(leaving('expert')).toEqual([]);
    expect(statusOf(space, 'ExpertPool x')).toMatchObject({ phase: 'Draining' });
    space.settle();
    expect(space.resources.has('ExpertPool x')).toBe(false);
    expect(labelled(space, 'expert')).toEqual([]);
    expect(labelled(space, 'thinker')).toHaveLength(1);
    expect(statusOf(space, 'ZenModel a')?.pool).toBeUndefined();
  });

  test('but not for ever', () => {
    const space = open();
    space.delete('ExpertPool x');
    space.pass();
    for (const name of [...space.made.keys()]) space.step(name);
    space.nowMs += 600_000;
    space.pass();
    expect(space.made.get('StatefulSet x-expert')?.spec).toMatchObject({ replicas: 0 });
  });

  test('what a resource no longer says goes', () => {
    const space = open();
    const limits = () => {
      const deployment = space.made.get('Deployment a-thinker') as unknown as Workload;
      return (deployment.spec.template.spec.containers[0].resources as { limits: object }).limits;
    };
    space.change('ZenModel a', { resources: { limits: { memory: '1Gi', cpu: 2 } } });
    space.settle();
    expect(limits()).toEqual({ memory: '1Gi', cpu: 2 });
    space.change('ZenModel a', { resources: { limits: { memory: '1Gi' } } });
    space.settle();
    expect(limits()).toEqual({ memory: '1Gi' });
  });

  test('what somebody changed is put right, what somebody removed is made again', () => {
    const space = open();
    const deployment = space.made.get('Deployment a-thinker') as { spec: { replicas: number } };
    deployment.spec.replicas = 7;
    space.made.delete('Service x-expert');
    space.settle();
    expect(space.made.get('Deployment a-thinker')?.spec).toMatchObject({ replicas: 1 });
    expect(space.made.has('Service x-expert')).toBe(true);
    expect(labelled(space, 'thinker')).toHaveLength(1);
  });
});
