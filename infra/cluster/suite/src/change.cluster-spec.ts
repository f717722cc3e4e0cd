import type { WindowReport } from '@zen/traffic';
import { changeTable } from './change-table';
import { expectWhole, expectWholeToTheEnd, throughChange } from './change-window';
import { DISRUPTIONS } from './disruptions';
import { ladderServer, MODEL } from './ladder-server';
import { TestNamespace } from './namespace';
import { portForward } from './port-forward';
import { Release } from './release';
import { readTarget } from './target';
import { topStageEverywhere } from './top-stage-everywhere';
import { TrafficPod } from './traffic-pod';
import { until } from './until';
import { installZen, uninstallZen } from './zen-release';

jest.setTimeout(600_000);

const NAME = 'zen';
/** Seconds of quiet before an event that it is compared with, and of traffic after the cluster is whole again. */
const QUIET_S = 3;
const AFTER_S = 3;

// Streams run through everything that happens to a cluster: none may fail, none may differ by a byte.
describe('traffic under change', () => {
  let space: TestNamespace;
  let release: Release;
  let traffic: TrafficPod;
  const reports: { name: string; report: WindowReport }[] = [];
  /** From `helm install` to the first piece of an answer, milliseconds. */
  let firstTokenMs = 0;

  beforeAll(async () => {
    space = await TestNamespace.create('change');
    const address = await ladderServer(space);
    await space.guard('install', async () => {
      const beganMs = Date.now();
      await installZen(space, NAME, valuesOf(address));
      await firstToken(space);
      firstTokenMs = Date.now() - beganMs;
      release = new Release(space, NAME);
      await topStageEverywhere(space);
      traffic = await TrafficPod.start(space, {
        http: `http://${NAME}-gateway`,
        grpc: `${NAME}-gateways:50050`,
        model: MODEL,
        stage: 4,
        concurrency: 4,
      });
    });
  });

  afterAll(async () => {
    console.log(
      `helm install to first token: ${(firstTokenMs / 1000).toFixed(1)} s\n${changeTable(reports)}`,
    );
    await uninstallZen(space, NAME);
    await space.remove();
  });

  const { local } = readTarget();
  for (const { name, run, local: onlyLocal } of DISRUPTIONS) {
    const test = onlyLocal && !local ? it.skip : it;
    test(name, () =>
      space.guard(name, async () => {
        await topStageEverywhere(space);
        const report = await throughChange(traffic, { quietS: QUIET_S, afterS: AFTER_S }, () => run(release));
        reports.push({ name, report });
        expectWhole(report);
      }),
    );
  }

  it('and at the end every stream of the whole time was whole', () =>
    space.guard('end', () => expectWholeToTheEnd(traffic)));
});

function valuesOf(address: string): Record<string, unknown> {
  return {
    models: [{ name: 'smollm2', source: { address } }],
    thinker: {
      replicas: 2,
      threads: 1,
      kvBytes: '128MiB',
      settleSeconds: 2,
      graceSeconds: 15,
      resources: { requests: { cpu: '100m', memory: '300Mi' }, limits: { memory: '1Gi' } },
    },
    gateway: {
      replicas: 2,
      allowAnonymous: true,
      settleSeconds: 3,
      graceSeconds: 10,
      resources: { requests: { cpu: '100m', memory: '200Mi' }, limits: { memory: '512Mi' } },
    },
    redis: { mode: 'bundled' },
  };
}

/** Asks the gateway through a forwarded port until it answers. */
async function firstToken(space: TestNamespace): Promise<void> {
  const forward = await portForward(space, `service/${NAME}-gateway`, 80);
  try {
    await until('an answer', async () => {
      const response = await fetch(`http://${forward.address}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 1 }),
      });
      return response.ok;
    });
  } finally {
    await forward.close();
  }
}
