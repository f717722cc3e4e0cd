/** The parts of a pod that the operator changes; everything else stays as the chart made it. */
export interface PodTemplate {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
  spec: {
    containers: [Container, ...Container[]];
    volumes?: Named[];
    topologySpreadConstraints?: { labelSelector: { matchLabels: Record<string, string> } }[];
    terminationGracePeriodSeconds?: number;
  };
}

interface Named {
  name: string;
}

export interface Container extends Named {
  env: { name: string; value?: string }[];
  volumeMounts?: (Named & { mountPath: string; readOnly?: boolean })[];
  resources?: object;
  ports: (Named & { containerPort: number })[];
}

/** A Deployment without a name. */
export interface Workload {
  kind: 'Deployment';
  spec: {
    replicas?: number;
    selector: { matchLabels: Record<string, string> };
    template: PodTemplate;
    strategy?: object;
    revisionHistoryLimit?: number;
  };
}

/** Rules and peers of NetworkPolicies, as the chart has them for its own pods. */
export interface NetworkRules {
  dns: object[];
  tracing: object[];
  apiServer: object[];
  /** Peers that ladders come from. */
  sources: object[];
  /** Rules that let scrapers reach the port for metrics. */
  prometheus: object[];
}

/**
 * What pods of the operator look like: the chart renders it with the templates of its own pods, so that images,
 * registries, security, TLS, credentials and limits are those of the release.
 */
export interface Blueprint {
  thinker: Workload;
  expert: Workload;
  expertRouter: Workload;
  /** Who gets a PodDisruptionBudget. */
  disruptionBudgets: { thinker: boolean; expert: boolean };
  pullPolicy: string;
  /** Null where no policies are wanted. */
  network: NetworkRules | null;
}

/** A blueprint that cannot be used; its message names the field. */
export class BlueprintError extends Error {
  override readonly name = 'BlueprintError';
}

/** Reads a blueprint's text. Throws a BlueprintError. */
export function readBlueprint(text: string): Blueprint {
  let read: Partial<Blueprint>;
  try {
    read = JSON.parse(text) as Partial<Blueprint>;
  } catch (error) {
    throw new BlueprintError(`the blueprint is not JSON: ${(error as Error).message}`);
  }
  for (const name of ['thinker', 'expert', 'expertRouter'] as const) {
    const workload = read[name];
    const container = workload?.spec?.template?.spec?.containers?.[0];
    if (
      workload?.kind !== 'Deployment' ||
      !workload.spec?.selector?.matchLabels ||
      !container?.ports?.length
    ) {
      throw new BlueprintError(`${name}: must be a Deployment with a selector, a container and its ports`);
    }
  }
  for (const name of ['dns', 'tracing', 'apiServer', 'sources', 'prometheus'] as const) {
    if (read.network && !Array.isArray(read.network[name]))
      throw new BlueprintError(`network.${name}: must be a list`);
  }
  if (read.network === undefined) throw new BlueprintError('network: must be there, or null');
  const { thinker, expert } = read.disruptionBudgets ?? {};
  if (typeof thinker !== 'boolean' || typeof expert !== 'boolean')
    throw new BlueprintError('disruptionBudgets: must say true or false of thinker and expert');
  if (typeof read.pullPolicy !== 'string') throw new BlueprintError('pullPolicy: must be there');
  return read as Blueprint;
}

/** Number of the port that a workload names so. */
export function portOf({ spec }: Workload, name: string): number {
  const port = spec.template.spec.containers[0].ports.find((one) => one.name === name);
  if (!port) throw new BlueprintError(`the blueprint has no port "${name}"`);
  return port.containerPort;
}
