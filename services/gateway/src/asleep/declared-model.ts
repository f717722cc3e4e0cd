/** What a ZenModel says that a gateway acts on. */
export interface DeclaredModel {
  /** Name of the resource. */
  name: string;
  /** Name that requests use. */
  model: string;
  /** Thinkers that there shall be; 0 while it sleeps. */
  replicas: number;
  resourceVersion: string;
  /** No request is answered below this stage. */
  minStage: number;
  /** Seconds without a request after which it goes to sleep; 0 for never. */
  idleAfterSeconds: number;
  wake: { onDemand: boolean; replicas: number; holdSeconds: number };
}

/** A ZenModel, of which anything may be missing. */
export interface ModelResource {
  metadata?: { name?: string; resourceVersion?: string; deletionTimestamp?: string };
  spec?: {
    model?: unknown;
    replicas?: unknown;
    minStage?: unknown;
    idleAfterSeconds?: unknown;
    wake?: { onDemand?: unknown; replicas?: unknown; holdSeconds?: unknown };
  };
}

const MOST_NAME = 128;

/** Undefined where it is being deleted or says nothing usable; bounds are those of its schema. */
export function readDeclaredModel({ metadata, spec = {} }: ModelResource): DeclaredModel | undefined {
  const { name, resourceVersion = '', deletionTimestamp } = metadata ?? {};
  const { model, wake = {} } = spec;
  if (!name || deletionTimestamp !== undefined) return undefined;
  if (typeof model !== 'string' || model === '' || model.length > MOST_NAME) return undefined;
  return {
    name,
    model,
    resourceVersion,
    replicas: bounded(spec.replicas, 0, 1000, 1),
    minStage: bounded(spec.minStage, 0, 4, 0),
    idleAfterSeconds: bounded(spec.idleAfterSeconds, 0, 2_592_000, 0),
    wake: {
      onDemand: wake.onDemand !== false,
      replicas: bounded(wake.replicas, 1, 1000, 1),
      holdSeconds: bounded(wake.holdSeconds, 0, 600, 60),
    },
  };
}

function bounded(value: unknown, least: number, most: number, otherwise: number): number {
  const whole = typeof value === 'number' && Number.isInteger(value);
  return whole && value >= least && value <= most ? value : otherwise;
}
