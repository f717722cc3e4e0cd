import type { Kube, KubeObject } from './kube';
import { ladderServer, MIXTURE, type MODEL } from './ladder-server';
import { mutualTls } from './mutual-tls';
import { Release } from './release';
import { until } from './until';
import { installZen, mergeValues, uninstallZen } from './zen-release';

/** `zenmodel/NAME` or `expertpool/NAME`. */
export type Resource = `${'zenmodel' | 'expertpool'}/${string}`;

export interface ExpertsOptions {
  /** Which ladder; the tiny mixture unless it is said. */
  ladder?: typeof MIXTURE | typeof MODEL;
  /** Over those for a small machine. */
  values?: Record<string, unknown>;
  /** All services demand each other's certificates. */
  tls?: boolean;
}

const GROUP = 'zen.hanzo.ai';
const WAIT_MS = 240_000;

/** A release with an operator, and models and pools as resources: what a test does with experts. */
export class ExpertsRelease extends Release {
  private constructor(
    kube: Kube,
    name: string,
    /** Where the ladder is. */
    readonly address: string,
    /** Its name, which requests use. */
    readonly model: string,
  ) {
    super(kube, name);
  }

  /** Installs it, without any model yet. */
  static async install(kube: Kube, name: string, options: ExpertsOptions = {}): Promise<ExpertsRelease> {
    const { ladder = MIXTURE, values = {}, tls = false } = options;
    const address = await ladderServer(kube, ladder);
    const certificates = tls ? await mutualTls(kube, name) : {};
    await installZen(kube, name, mergeValues(mergeValues(SMALL, certificates), values));
    return new ExpertsRelease(kube, name, address, ladder);
  }

  async uninstall(): Promise<void> {
    await this.kube.kubectl(['delete', 'zenmodels,expertpools', '--all', '--timeout=170s'], {
      timeoutMs: 180_000,
    });
    await uninstallZen(this.kube, this.name);
  }

  async applyModel(name: string, spec: object = {}): Promise<void> {
    const whole = { model: this.model, source: { address: this.address }, ...spec };
    await this.kube.apply(resource('ZenModel', name, whole));
  }

  async applyPool(name: string, spec: object): Promise<void> {
    await this.kube.apply(resource('ExpertPool', name, spec));
  }

  async phase(of: Resource): Promise<string> {
    return this.kube.kubectl(['get', of, '-o', 'jsonpath={.status.phase}']);
  }

  /** Waits for a phase and for as many ready pods as are wanted, as it says itself. */
  async reaches(of: Resource, phase: string, ready?: number): Promise<void> {
    const [kind = '', name = ''] = of.split('/');
    await until(
      `${of} is ${phase}${ready === undefined ? '' : ` with ${ready}`}`,
      async () => {
        const { status, metadata } = await this.kube.get(kind, name);
        return (
          status?.phase === phase &&
          status.observedGeneration === metadata.generation &&
          (ready === undefined || (status.readyReplicas === ready && status.replicas === ready))
        );
      },
      WAIT_MS,
    );
  }

  async scale(of: Resource, replicas: number): Promise<void> {
    await this.kube.kubectl(['scale', of, `--replicas=${replicas}`]);
  }

  /** Pods of a model or a pool that do a job, those on their way out included; the oldest name first. */
  async podsOf(of: Resource, component: 'thinker' | 'expert' | 'expert-router'): Promise<KubeObject[]> {
    const [kind, name] = of.split('/');
    const selector = `${GROUP}/${kind}=${name},app.kubernetes.io/component=${component}`;
    const pods = await this.kube.list('pods', selector);
    return pods.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  }

  /** Ends a pod as a node's end would: nobody is told, nothing is drained. */
  async killPod(name: string): Promise<void> {
    await this.kube.kubectl(['delete', 'pod', name, '--grace-period=0', '--force', '--wait=true']);
  }

  /** The operator that leads. */
  async leader(): Promise<string> {
    const lease = await this.kube.get('lease', 'zen-operator');
    return String(lease.spec.holderIdentity ?? '').split('_')[0] ?? '';
  }
}

function resource(kind: string, name: string, spec: object): object {
  return { apiVersion: `${GROUP}/v1alpha1`, kind, metadata: { name }, spec };
}

const few = { requests: { cpu: '20m', memory: '96Mi' }, limits: { memory: '512Mi' } };

/** For a machine of two cores. */
const SMALL: Record<string, unknown> = {
  models: [],
  operator: { enabled: true, env: { ZEN_LEASE: '5s' }, resources: few },
  gateway: {
    replicas: 1,
    allowAnonymous: true,
    settleSeconds: 1,
    graceSeconds: 10,
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
  },
  thinker: {
    threads: 1,
    kvBytes: '64MiB',
    settleSeconds: 1,
    graceSeconds: 10,
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '1Gi' } },
  },
  expert: { threads: 1, settleSeconds: 5, graceSeconds: 3, resources: few },
  expertRouter: { settleSeconds: 1, graceSeconds: 1, resources: few },
};
