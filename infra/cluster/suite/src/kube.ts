import { attempt, type CommandOptions, type CommandResult, run } from './command';
import { readTarget, type Target } from './target';

/** A Kubernetes object, as far as tests look into all of them. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    uid?: string;
    generation?: number;
  };
  // biome-ignore lint/suspicious/noExplicitAny: each kind has its own shape.
  [field: string]: any;
}

/** kubectl and helm against the cluster under test, in one namespace, each call bounded in time. */
export class Kube {
  constructor(
    readonly namespace = 'default',
    readonly target: Target = readTarget(),
  ) {}

  /** Arguments that choose cluster and namespace. */
  private place(contextFlag: string): string[] {
    const { kubeconfig, context } = this.target;
    return ['--kubeconfig', kubeconfig, contextFlag, context, '--namespace', this.namespace];
  }

  kubectl(argv: string[], options?: CommandOptions): Promise<string> {
    return run(this.target.kubectl, [...this.place('--context'), ...argv], options);
  }

  /** kubectl that may fail. */
  tryKubectl(argv: string[], options?: CommandOptions): Promise<CommandResult> {
    return attempt(this.target.kubectl, [...this.place('--context'), ...argv], options);
  }

  helm(argv: string[], options?: CommandOptions): Promise<string> {
    return run(this.target.helm, [...this.place('--kube-context'), ...argv], options);
  }

  /** helm that may fail. */
  tryHelm(argv: string[], options?: CommandOptions): Promise<CommandResult> {
    return attempt(this.target.helm, [...this.place('--kube-context'), ...argv], options);
  }

  /** Arguments for a kubectl that stays (port-forward, logs -f). */
  kubectlArguments(argv: string[]): string[] {
    return [...this.place('--context'), ...argv];
  }

  async apply(...objects: object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await this.kubectl(['apply', '-f', '-'], { input: JSON.stringify(list) });
  }

  async get(kind: string, name: string): Promise<KubeObject> {
    return JSON.parse(await this.kubectl(['get', kind, name, '-o', 'json']));
  }

  /** All objects of a kind, by label selector. */
  async list(kind: string, selector = ''): Promise<KubeObject[]> {
    const argv = ['get', kind, '-o', 'json', ...(selector ? ['-l', selector] : [])];
    return JSON.parse(await this.kubectl(argv)).items;
  }

  /** `kubectl wait --for=CONDITION`, such as `condition=Ready` or `delete`. */
  async wait(object: string, condition: string, timeoutMs = 180_000): Promise<void> {
    const argv = ['wait', object, `--for=${condition}`, `--timeout=${Math.ceil(timeoutMs / 1000)}s`];
    await this.kubectl(argv, { timeoutMs: timeoutMs + 10_000 });
  }

  /** Waits until a Deployment, StatefulSet or DaemonSet (`deployment/NAME`) has its new pods ready. */
  async rolledOut(object: string, timeoutMs = 300_000): Promise<void> {
    const argv = ['rollout', 'status', object, `--timeout=${Math.ceil(timeoutMs / 1000)}s`];
    await this.kubectl(argv, { timeoutMs: timeoutMs + 10_000 });
  }

  /** Runs a command in a pod's container and returns its output, whatever it ends with. */
  exec(pod: string, command: string[], options?: CommandOptions): Promise<CommandResult> {
    return this.tryKubectl(['exec', pod, '--', ...command], options);
  }
}
