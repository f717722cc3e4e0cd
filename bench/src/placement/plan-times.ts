import { type PlacementPod, planPlacement } from '@zen/placement';
import { median, type Row } from '../report';
import { skewed } from './loads';

const ROUNDS = 5;

/** Processor time of one plan in milliseconds, for a large model: from nothing, after a pod is lost, and for a load that has changed. */
export function planTimes(layers: number, experts: number, count: number, capacity: number): Row {
  const pods: PlacementPod[] = Array.from({ length: count }, (_, at) => ({
    id: `pod-${at}`,
    capacity,
    node: `node-${at % Math.ceil(count / 2)}`,
    zone: '',
  }));
  const times: Record<'first' | 'lost' | 'changed', number[]> = { first: [], lost: [], changed: [] };
  for (let round = 0; round < ROUNDS; round++) {
    const [before, after] = [1, 2].map((seed) => skewed({ layers, experts }, seed + round * 10)(0, []));
    const empty = Array.from({ length: layers }, () => pods.map(() => []));
    const timed = (which: keyof typeof times, input: Parameters<typeof planPlacement>[0]) => {
      const from = process.cpuUsage();
      const plan = planPlacement(input);
      times[which].push(process.cpuUsage(from).user / 1000);
      return plan;
    };
    const { layout } = timed('first', { pods, experts, current: empty, tokens: before!, mayRebalance: true });
    const fewer = { pods: pods.slice(1), experts, current: layout.map((layer) => layer.slice(1)) };
    timed('lost', { ...fewer, tokens: before!, mayRebalance: false });
    timed('changed', { pods, experts, current: layout, tokens: after!, mayRebalance: true });
  }
  return {
    layers,
    experts,
    pods: count,
    slots: count * capacity,
    first_cpu_ms: median(times.first),
    pod_lost_cpu_ms: median(times.lost),
    load_changed_cpu_ms: median(times.changed),
  };
}
