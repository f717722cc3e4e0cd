import { MANAGED_LABEL, MANAGER } from '../resource/group';
import type { LadderSource, PodResources } from '../resource/resources';
import type { PodTemplate, Workload } from './blueprint';

export interface PodChanges {
  /** Beside those of the workload: they tell its pods from all others. */
  labels: Record<string, string>;
  /** More labels, which select nothing. */
  marks?: Record<string, string>;
  source: LadderSource | undefined;
  pullPolicy: string;
  resources?: PodResources | undefined;
  /** Settings, name to value; they win over those of the blueprint. */
  env: Record<string, string>;
}

const LADDER = 'ladder';
const FOLDER = '/ladder';

/** Labels that select the pods of a workload that was made from a blueprint. */
export function selectorOf(workload: Workload, labels: Record<string, string>): Record<string, string> {
  return { ...workload.spec.selector.matchLabels, ...labels };
}

/** A blueprint's pod for one resource. */
export function podTemplate(workload: Workload, changes: PodChanges): PodTemplate {
  const { labels, marks = {}, source, pullPolicy, resources, env } = changes;
  const template = structuredClone(workload.spec.template);
  const { spec, metadata } = template;
  metadata.labels = { ...metadata.labels, ...labels, ...marks, [MANAGED_LABEL]: MANAGER };
  for (const { labelSelector } of spec.topologySpreadConstraints ?? [])
    labelSelector.matchLabels = selectorOf(workload, labels);
  const [container] = spec.containers;
  if (resources) container.resources = resources;
  const settings = { ...(source ? { ZEN_LADDER: ladderOf(source) } : {}), ...env };
  const kept = container.env.filter(({ name }) => !(name in settings));
  container.env = [...kept, ...Object.entries(settings).map(([name, value]) => ({ name, value }))];
  const volume = source && volumeOf(source, pullPolicy);
  if (volume) {
    spec.volumes = [...(spec.volumes ?? []), { name: LADDER, ...volume }];
    const mount = { name: LADDER, mountPath: FOLDER, readOnly: true };
    container.volumeMounts = [...(container.volumeMounts ?? []), mount];
  }
  return template;
}

/** ZEN_LADDER. */
function ladderOf({ address, path }: LadderSource): string {
  return address ?? (path ? `${FOLDER}/${path}` : FOLDER);
}

function volumeOf({ image, hostPath, claim }: LadderSource, pullPolicy: string): object | undefined {
  if (image) return { image: { reference: image, pullPolicy } };
  if (hostPath) return { hostPath: { path: hostPath, type: 'Directory' } };
  return claim ? { persistentVolumeClaim: { claimName: claim, readOnly: true } } : undefined;
}

const SCHEME_PORTS: Record<string, number> = { 'http:': 80 };

/** Ports that a ladder is fetched from: its own, and HTTPS, to which a registry or a bucket may redirect. */
export function sourcePorts({ address }: LadderSource): number[] {
  if (!address) return [];
  const { protocol, port } = new URL(address);
  return [...new Set([443, port === '' ? (SCHEME_PORTS[protocol] ?? 443) : Number(port)])];
}
