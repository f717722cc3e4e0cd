import type { Signal } from '@preact/signals';
import { models } from '../ladder/follow';
import { milliseconds, percent } from '../ladder/format';
import { type AnswerState, latencyOf } from './answer-state';
import { AnswerText } from './answer-text';
import { type Fact, Facts } from './facts';
import { STAGE_REASON } from './stage-reason';

export function AnswerCard(props: { answer: Signal<AnswerState>; title: string; onAgain: () => void }) {
  const answer = props.answer.value;
  const busy = answer.status === 'waiting' || answer.status === 'streaming';
  return (
    <article class="answer" aria-label={props.title} aria-busy={busy}>
      {answer.runs.length > 0 ? (
        <AnswerText runs={answer.runs} busy={busy} />
      ) : (
        busy && <p class="answer-text busy">&#8203;</p>
      )}
      {answer.status === 'failed' && (
        <div class="error" role="alert">
          <p>
            {answer.error}
            {answer.retryAfterS !== null && ` It may work again in ${answer.retryAfterS} s.`}
          </p>
          <button type="button" onClick={props.onAgain}>
            Try again
          </button>
        </div>
      )}
      {answer.status === 'stopped' && <p class="note">Stopped.</p>}
      {answer.cut && <p class="note">Cut off at the limit of tokens.</p>}
      {answer.runs.length > 0 && <AnswerFacts answer={answer} />}
    </article>
  );
}

function AnswerFacts({ answer }: { answer: AnswerState }) {
  const { ttftMs, tpotMs } = latencyOf(answer);
  const stages = [...new Set(answer.runs.map(({ stage }) => stage))];
  const last = stages[stages.length - 1] ?? 0;
  const quality = models.value.find(({ id }) => id === answer.model)?.stages[last]?.quality;
  const facts: Fact[] = [
    [stages.length > 1 ? 'Stages' : 'Stage', stages.join(' → '), STAGE_REASON[answer.reason]],
  ];
  if (quality) facts.push(['Agreement', percent(quality.top1), `KL ${quality.kl_mean.toPrecision(2)}`]);
  if (ttftMs !== null) facts.push(['First token', milliseconds(ttftMs)]);
  if (tpotMs !== null)
    facts.push(['Per token', milliseconds(tpotMs), `${(1000 / tpotMs).toFixed(0)} tokens/s`]);
  if (answer.tokens !== null) facts.push(['Tokens', String(answer.tokens)]);
  return <Facts facts={facts} />;
}
