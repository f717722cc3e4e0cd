import { join } from 'node:path';
import type { Kube } from './kube';
import { imageOf, ROOT, type Target } from './target';

export const CHART = join(ROOT, 'charts', 'zen');

/** Values that make the chart use the images under test. */
export function imageValues(target: Target): Record<string, unknown> {
  const redis = imageOf(target, 'zen/redis');
  return {
    image: { registry: target.registry, tag: imageOf(target, 'zen/gateway').tag },
    redis: { image: { repository: `${target.registry}/${redis.repository}`, tag: redis.tag } },
  };
}

type Values = Record<string, unknown>;
const isObject = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Values over values, as helm merges files: objects by key, everything else whole. */
export function mergeValues(under: Values, over: Values): Values {
  const merged: Values = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    merged[key] = isObject(below) && isObject(value) ? mergeValues(below, value) : value;
  }
  return merged;
}

/** `helm upgrade --install` of the chart with the images under test; waits until all pods are ready. */
export async function installZen(
  kube: Kube,
  release: string,
  values: Values,
  { chart = CHART, timeoutMs = 300_000 }: { chart?: string; timeoutMs?: number } = {},
): Promise<void> {
  const all = mergeValues(imageValues(kube.target), values);
  const argv = [
    'upgrade',
    '--install',
    release,
    chart,
    '--values',
    '-',
    '--wait',
    // Definitions of resources stay when their release goes, and belong to whichever comes next.
    '--take-ownership',
    '--timeout',
    `${timeoutMs / 1000}s`,
  ];
  await kube.helm(argv, { input: JSON.stringify(all), timeoutMs: timeoutMs + 30_000 });
}

/** `helm uninstall`; waits until its objects are gone. */
export async function uninstallZen(kube: Kube, release: string): Promise<void> {
  await kube.helm(['uninstall', release, '--wait', '--timeout', '180s'], { timeoutMs: 200_000 });
}
