import { type OpenLadder, openLadder } from '@zen/ladder';
import { LadderEngine } from '../ladder-engine';
import { type Bar, type BenchReport, bar, type Row, report } from '../report';
import { chosen, ladderOf, sourceFileOf } from '../subjects';
import { climbAgain } from './climbs';
import { cutDownload } from './cuts';
import { atRate, ourArrivals, peerArrival } from './first-token';
import { markdown, metadataBytes, stageRows } from './stage-table';

/** 20 Mbit/s in bytes a second. */
const LINK = 2.5e6;
const THREADS = 2;

interface Plan {
  /** The link is this many times as fast as 20 Mbit/s, and times are computed back (see `atRate`). */
  faster: number;
  climbs: number;
  shareBar: number;
  soonerBar: number;
}

const PLANS: Record<string, Plan> = {
  'smollm2-135m-instruct': { faster: 1, climbs: 200, shareBar: 0.6, soonerBar: 1.4 },
  'qwen2.5-coder-1.5b-instruct': { faster: 10, climbs: 3, shareBar: 0.5, soonerBar: 1.5 },
};

/**
 * What arriving stage by stage is worth: bytes and time to the first token on an empty disk, climbs under running
 * answers, and a bad connection. `--climbs N` asks for another number of climbs; `--markdown` also prints the stages as
 * the README has them.
 */
export async function progressive(argv: string[]): Promise<BenchReport> {
  const rows: Row[] = [];
  const bars: Bar[] = [];
  let kernels: string | undefined;
  for (const subject of chosen(argv)) {
    const { name } = subject;
    const plan = PLANS[name];
    const asked = argv.indexOf('--climbs');
    const climbCount = asked < 0 ? plan?.climbs : Number(argv[asked + 1]);
    if (!plan || !climbCount) throw new Error(`${name}: no plan for it, or no number after --climbs`);
    const folder = ladderOf(subject);
    const ladder = await openLadder(folder);

    const arrivals = await measureArrivals(ladder, await sourceFileOf(subject), plan);
    rows.push({ model: name, ...arrivals });
    bars.push(
      bar(`progressive.${name}.bytes before the first token`, arrivals.share, plan.shareBar, 'lower'),
    );
    bars.push(
      bar(`progressive.${name}.sooner than after the source file`, arrivals.sooner, plan.soonerBar, 'higher'),
    );

    const { cuts, wastedShare, receivedShare } = await cutDownload(folder);
    rows.push({ model: name, cuts, 'sent on top': wastedShare, 'received on top': receivedShare });
    bars.push(bar(`progressive.${name}.waste of ${cuts} cuts`, wastedShare, 0.02, 'lower'));

    const engine = await LadderEngine.open(folder, THREADS);
    kernels = engine.kernels;
    const table = await stageRows(ladder, engine);
    const { stages, ...climbs } = await climbAgain(engine.model, ladder.stagePaths, climbCount);
    engine.model.close();
    rows.push({ model: name, ...climbs }, ...stages.map((one) => ({ model: name, ...one })), ...table);
    bars.push(bar(`progressive.${name}.dropped in ${climbs.climbs} climbs`, climbs.dropped, 0, 'lower'));
    bars.push(bar(`progressive.${name}.longest step of an attach`, climbs.worstRatio, 3, 'lower'));
    if (argv.includes('--markdown')) console.log(markdown(table));
  }
  return report('progressive', rows, bars, kernels);
}

/** Seconds and bytes at 20 Mbit/s. `sooner`: how many times as soon as the peer; `share`: of all stages' bytes. */
async function measureArrivals(ladder: OpenLadder, source: string, { faster }: Plan) {
  const rate = LINK * faster;
  const { folder, config } = ladder;
  const { first, whole } = await ourArrivals(folder, rate);
  const peer = await peerArrival(source, rate);
  const servable = config.stages.slice(0, config.minServable + 1).reduce((sum, { bytes }) => sum + bytes, 0);
  const firstMs = atRate(first, metadataBytes(ladder) + servable, rate, LINK);
  const wholeMs = atRate(whole, whole.bytes, rate, LINK);
  const peerMs = atRate(peer, peer.bytes, rate, LINK);
  // While the first stages are attached the link brings more; a faster link would bring more of it than this one.
  const firstBytes = faster === 1 ? first.bytes : (firstMs / 1000) * LINK;
  return {
    'measured at Mbit/s': (rate * 8) / 1e6,
    'first token s': firstMs / 1000,
    'all stages s': wholeMs / 1000,
    'peer first token s': peerMs / 1000,
    'first token MB': firstBytes / 1e6,
    'all stages MB': whole.bytes / 1e6,
    'source MB': peer.bytes / 1e6,
    share: firstBytes / whole.bytes,
    sooner: peerMs / firstMs,
    'sooner than our whole': wholeMs / firstMs,
  };
}
