import type { Run } from './answer-state';

/** Each stage's text in its own tint and underline; a chip marks where the stage changes. */
export function AnswerText({ runs, busy }: { runs: readonly Run[]; busy: boolean }) {
  return (
    <p class={busy ? 'answer-text busy' : 'answer-text'}>
      {runs.map(({ stage, text }, at) => (
        <span key={at} class="run" data-stage={stage}>
          {runs.length > 1 && (
            <span class="chip small" data-stage={stage}>
              <span class="hidden">stage </span>
              {stage}
            </span>
          )}
          {text}
        </span>
      ))}
    </p>
  );
}
