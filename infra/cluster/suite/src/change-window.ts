import { type WindowReport, windowReport } from '@zen/traffic';
import type { TrafficPod } from './traffic-pod';
import { until } from './until';

export interface ChangeWindow {
  /** Seconds of quiet before the event, that it is compared with. */
  quietS: number;
  /** Seconds of traffic after everything is whole again. */
  afterS: number;
}

/**
 * Runs an event under the traffic and says what that did to it. `event` resolves when everything is whole again.
 */
export async function throughChange(
  traffic: TrafficPod,
  { quietS, afterS }: ChangeWindow,
  event: () => Promise<void>,
): Promise<WindowReport> {
  const fromMs = traffic.nowMs;
  await traffic.until(({ t, atMs }) => t === 'second' && atMs >= fromMs + quietS * 1000, 60_000);
  const eventMs = traffic.nowMs;
  await event();
  const wholeMs = await until('the traffic is heard again', () => {
    const { nowMs } = traffic;
    return nowMs > eventMs ? nowMs : undefined;
  });
  const untilMs = wholeMs + afterS * 1000;
  // Streams that began in the window count once they have ended.
  await traffic.until(({ t, atMs }) => t === 'second' && atMs >= untilMs, 120_000);
  return windowReport(traffic.lines, { fromMs, eventMs, untilMs });
}

/** Fails where a stream of the window failed or differs by a byte, or none ran. */
export function expectWhole({ failed, altered, streams, reasons }: WindowReport): void {
  expect({ failed, altered, reasons: failed + altered > 0 ? reasons : [] }).toEqual({
    failed: 0,
    altered: 0,
    reasons: [],
  });
  expect(streams).toBeGreaterThan(0);
}

/** Ends the traffic: every stream of the whole time was whole, over both doors. */
export async function expectWholeToTheEnd(traffic: TrafficPod): Promise<void> {
  await traffic.stop();
  const streams = traffic.lines.filter((line) => line.t === 'stream');
  expect(streams.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  expect(new Set(streams.map(({ kind }) => kind))).toEqual(new Set(['sse', 'grpc']));
}
