import { Bar } from './bar';
import { duration, megabytes, percent } from './format';
import type { Rung, RungState } from './ladder-view';

const STATE: Record<RungState, [sign: string, word: string]> = {
  absent: ['○', 'not here yet'],
  fetching: ['↓', 'arriving'],
  attaching: ['◐', 'being attached'],
  serving: ['●', 'ready'],
  failed: ['✕', 'failed'],
};

export function RungRow({ rung, top, serving }: { rung: Rung; top: number; serving: number | null }) {
  const [sign, word] = STATE[rung.state];
  const size = rung.state === 'serving' ? megabytes(rung.bytes) : sizeText(rung);
  const isServing = rung.stage === serving;
  return (
    <li class="rung" data-stage={rung.stage} data-state={rung.state} aria-current={isServing || undefined}>
      <div class="rung-head">
        <span class="chip" data-stage={rung.stage} aria-hidden="true">
          {rung.stage}
        </span>
        <span class="rung-name">
          Stage {rung.stage}
          {rung.stage === top && ' · exact'}
          {!rung.servable && ' · drafts only'}
        </span>
        <span class="rung-state">
          <span aria-hidden="true">{sign}</span> {isServing ? 'answers now' : word}
        </span>
      </div>
      <Bar
        label={`Stage ${rung.stage}`}
        value={rung.bytesPresent}
        max={rung.bytes}
        text={size}
        stage={rung.stage}
      />
      <div class="rung-facts">
        <span>
          {size}
          {rung.etaS !== null && `, in ${duration(rung.etaS)}`}
        </span>
        <QualityText rung={rung} />
      </div>
    </li>
  );
}

function sizeText({ bytes, bytesPresent }: Rung): string {
  return bytesPresent === 0 ? megabytes(bytes) : `${megabytes(bytesPresent)} of ${megabytes(bytes)}`;
}

function QualityText({ rung: { quality } }: { rung: Rung }) {
  if (!quality) return <span>quality not measured</span>;
  const detail = `mean KL divergence ${quality.kl_mean.toPrecision(2)} nats, perplexity ${quality.perplexity_ratio.toFixed(3)} times the source’s`;
  return (
    <span title={detail}>
      <abbr title="Share of tokens on which it agrees with the source model">top-1</abbr>{' '}
      {percent(quality.top1)}
      {' · KL '}
      {quality.kl_mean.toPrecision(2)}
    </span>
  );
}
