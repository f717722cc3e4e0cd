import type { WindowReport } from '@zen/traffic';
import { changeTable } from './change-table';
import { expectWhole, expectWholeToTheEnd, throughChange } from './change-window';
import { EXPERT_DISRUPTIONS } from './expert-disruptions';
import { ExpertsRelease } from './experts-release';
import { TestNamespace } from './namespace';
import { readTarget } from './target';
import { topStageEverywhere } from './top-stage-everywhere';
import { TrafficPod } from './traffic-pod';

jest.setTimeout(600_000);

const NAME = 'zen';
const MODEL = 'zenmodel/tiny';
const POOL = 'expertpool/tiny';
/** Seconds of quiet before an event that it is compared with, and of traffic after the pool is whole again. */
const QUIET_S = 3;
const AFTER_S = 3;

// Every answer needs its experts themselves (no stand-in), and all of them are in pods of their own. Whatever happens
// to these, to the router and to the operator: none may fail, none may differ by a byte. Gateway, thinkers, router and
// pods demand each other's certificates.
describe('experts under change, with mutual TLS', () => {
  let space: TestNamespace;
  let zen: ExpertsRelease;
  let traffic: TrafficPod;
  const reports: { name: string; report: WindowReport }[] = [];

  beforeAll(async () => {
    space = await TestNamespace.create('experts-change');
    await space.guard('install', async () => {
      zen = await ExpertsRelease.install(space, NAME, { tls: true });
      await zen.applyModel('tiny', { standInStage: 0 });
      // Every pod holds all experts of a layer, so each of them has a replica while two pods are there.
      await zen.applyPool('tiny', { model: 'tiny', expertsPerPod: 8, replicas: 2, redundancy: 2 });
      await zen.reaches(POOL, 'Serving', 2);
      await zen.reaches(MODEL, 'Serving', 1);
      await topStageEverywhere(space);
      traffic = await TrafficPod.start(space, {
        http: `http://${NAME}-gateway`,
        grpc: `${NAME}-gateways:50050`,
        model: zen.model,
        stage: 4,
        concurrency: 4,
      });
    });
  });

  afterAll(async () => {
    console.log(changeTable(reports));
    await zen?.uninstall();
    await space.remove();
  });

  const { local } = readTarget();
  for (const { name, run, local: onlyLocal } of EXPERT_DISRUPTIONS) {
    const test = onlyLocal && !local ? it.skip : it;
    test(name, () =>
      space.guard(name, async () => {
        const report = await throughChange(traffic, { quietS: QUIET_S, afterS: AFTER_S }, () =>
          run(zen, POOL),
        );
        reports.push({ name, report });
        expectWhole(report);
      }),
    );
  }

  it('and at the end every stream of the whole time was whole', () =>
    space.guard('end', () => expectWholeToTheEnd(traffic)));
});
