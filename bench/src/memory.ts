import { readFileSync } from 'node:fs';
import { type BenchReport, bar, type Row, report } from './report';
import { chosen, ladderOf, PROMPT_TEXT } from './subjects';
import { ThinkerProcess } from './thinker-process';

const KV_BYTES = 256 * 2 ** 20;
const STREAMS = 16;

/** Resident bytes of the thinker after answers at every stage, against what it maps and what it may cache. */
export async function memory(argv: string[]): Promise<BenchReport> {
  const rows: Row[] = [];
  const bars = [];
  for (const subject of chosen(argv)) {
    const thinker = await ThinkerProcess.spawn(ladderOf(subject), { ZEN_KV_BYTES: String(KV_BYTES) });
    await thinker.complete();
    const { stages } = await thinker.client.describe({});
    const mapped = stages.reduce((sum, stage) => sum + Number(stage.bytes), 0);
    await Promise.all(
      [...Array(STREAMS).keys()].map((i) => thinker.answer(PROMPT_TEXT.slice(i * 7, i * 7 + 1500), 64)),
    );
    const resident = residentBytes(thinker.child.pid ?? 0);
    await thinker.stop();
    const limit = 1.2 * mapped + KV_BYTES + 150e6;
    rows.push({
      model: subject.name,
      'resident MB': resident / 1e6,
      'mapped MB': mapped / 1e6,
      'KV budget MB': KV_BYTES / 1e6,
      'limit MB': limit / 1e6,
    });
    bars.push(bar(`memory.${subject.name}`, resident / limit, 1, 'lower'));
  }
  return report('memory', rows, bars);
}

/** The kernel's own count: anonymous memory and the pages of mapped files that are in memory now. */
function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}
