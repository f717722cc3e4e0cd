import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { TrafficLine } from '@zen/traffic';
import { run } from './command';
import type { Kube } from './kube';
import { imageOf, ROOT } from './target';

export interface TrafficSettings {
  /** `http://host:port` and `host:port` as seen from a pod. */
  http: string;
  grpc: string;
  model: string;
  stage: number;
  /** Streams at once. */
  concurrency: number;
}

const NAME = 'traffic';
const FOLDER = join(ROOT, 'infra', 'cluster', 'traffic');

/** The traffic (infra/cluster/traffic) as a pod, and what it says, whoever is away meanwhile. */
export class TrafficPod {
  readonly lines: TrafficLine[] = [];
  private stopped = false;
  private failed = false;
  private following: Promise<void> = Promise.resolve();

  private constructor(private readonly kube: Kube) {}

  /** Resolves when its streams run; rejects when the gateway does not answer it. */
  static async start(kube: Kube, settings: TrafficSettings): Promise<TrafficPod> {
    const rolldown = require
      .resolve('rolldown/package.json', { paths: [FOLDER] })
      .replace('package.json', 'bin/cli.mjs');
    await run(process.execPath, [rolldown, '--config', join(FOLDER, 'rolldown.config.mjs')]);
    await kube.kubectl(['create', 'configmap', NAME, `--from-file=${join(FOLDER, 'dist', 'traffic.cjs')}`]);
    await kube.apply(manifest(imageOf(kube.target, 'zen/gateway').reference, settings));
    await kube.wait(`pod/${NAME}`, 'condition=Ready');
    const pod = new TrafficPod(kube);
    pod.following = pod.follow();
    await pod.until((line) => line.t === 'ready', 240_000);
    return pod;
  }

  /** Milliseconds on the pod's clock as of its newest line, at most about a second ago. */
  get nowMs(): number {
    return this.lines.at(-1)?.atMs ?? Number.NaN;
  }

  /** Resolves with the first line, of those to come too, for which it holds. */
  async until(condition: (line: TrafficLine) => boolean, timeoutMs: number): Promise<TrafficLine> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const found = this.lines.find(condition);
      if (found) return found;
      if (this.failed || Date.now() > end) {
        const { stdout } = await this.kube.tryKubectl(['logs', NAME, '--tail=20']);
        throw new Error(
          `the traffic did not say in ${timeoutMs / 1000} s what was waited for; its last words:\n${stdout}`,
        );
      }
      await pause(200);
    }
  }

  /** Lets the open streams end; once is enough. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    await this.kube.kubectl(['delete', 'pod', NAME, '--wait=false']);
    await this.until((line) => line.t === 'end', 150_000);
    this.stopped = true;
    await this.following;
  }

  /** Reads the log to the end of the pod; where that breaks off (the API server may be gone) it begins again. */
  private async follow(): Promise<void> {
    while (!this.stopped && this.lines.at(-1)?.t !== 'end') {
      const argv = this.kube.kubectlArguments(['logs', NAME, '--follow']);
      const child = spawn(this.kube.target.kubectl, argv, { stdio: ['ignore', 'pipe', 'ignore'] });
      for await (const text of createInterface({ input: child.stdout })) {
        // What it says as it dies is for people.
        if (!text.startsWith('{"n":')) continue;
        const line = JSON.parse(text) as TrafficLine;
        if (line.n >= this.lines.length) this.lines.push(line);
      }
      await pause(500);
      const { stdout: phase } = await this.kube.tryKubectl([
        'get',
        'pod',
        NAME,
        '-o',
        'jsonpath={.status.phase}',
      ]);
      this.failed = phase === 'Failed';
      if (this.failed) return;
    }
  }
}

function manifest(image: string, { http, grpc, model, stage, concurrency }: TrafficSettings): object {
  const env = {
    GATEWAY_HTTP: http,
    GATEWAY_GRPC: grpc,
    MODEL: model,
    STAGE: `${stage}`,
    CONCURRENCY: `${concurrency}`,
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: NAME, labels: { app: NAME } },
    spec: {
      restartPolicy: 'Never',
      // As long as a stream may take that has lost its gateway.
      terminationGracePeriodSeconds: 120,
      automountServiceAccountToken: false,
      containers: [
        {
          name: NAME,
          image,
          command: ['node', '/traffic/traffic.cjs'],
          env: Object.entries(env).map(([name, value]) => ({ name, value })),
          volumeMounts: [{ name: NAME, mountPath: '/traffic' }],
        },
      ],
      volumes: [{ name: NAME, configMap: { name: NAME } }],
    },
  };
}
