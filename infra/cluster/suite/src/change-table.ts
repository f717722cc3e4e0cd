import type { WindowReport } from '@zen/traffic';

/** One line an event, as the README shows it. */
export function changeTable(reports: readonly { name: string; report: WindowReport }[]): string {
  const seconds = (ms: number | null) => (ms === null ? 'never' : `${(ms / 1000).toFixed(0)} s`);
  const rows = reports.map(({ name, report }) => {
    const { streams, failed, altered, retried, resumed, lowest, recoveredMs, longestGapMs } = report;
    const counts = [streams, failed, altered, retried, resumed].join(' | ');
    return `| ${name} | ${counts} | ${(100 * lowest).toFixed(0)} % | ${seconds(recoveredMs)} | ${seconds(longestGapMs)} |`;
  });
  const head =
    '| event | streams | failed | altered | asked again | resumed | lowest throughput | recovered | longest pause |';
  const reasons = reports.flatMap(({ name, report }) => report.reasons.map((reason) => `${name}: ${reason}`));
  return [head, '|---|---|---|---|---|---|---|---|---|', ...rows, ...reasons].join('\n');
}
