import { modelName } from '../shell/session';
import { MAX_STREAMS } from './connections';
import { loadCounts, setLoad, wantedStreams } from './load-driver';

/** The load slider: shows what the server does when many ask at once. */
export function LoadPanel() {
  const streams = wantedStreams.value;
  return (
    <section class="panel" aria-labelledby="load-title">
      <h2 id="load-title">Load for a demonstration</h2>
      <p class="note" id="load-note">
        Keeps so many answers running. Stops when this page is hidden.
      </p>
      <div class="row slider">
        <label for="load">Streams</label>
        <input
          id="load"
          type="range"
          min={0}
          max={MAX_STREAMS}
          step={1}
          value={streams}
          disabled={modelName.value === ''}
          aria-describedby="load-note"
          aria-valuetext={streams === 0 ? 'off' : `${streams} streams`}
          onInput={(event) => setLoad(event.currentTarget.valueAsNumber)}
        />
        <output for="load">{streams === 0 ? 'off' : streams}</output>
        <button
          type="button"
          class="quiet"
          disabled={streams === 0}
          aria-label="Stop the load"
          onClick={() => setLoad(0)}
        >
          Stop
        </button>
      </div>
      <LoadResult />
    </section>
  );
}

function LoadResult() {
  const { stages, answered, refused, problem } = loadCounts.value;
  if (answered + refused === 0) return null;
  const share = new Map<number, number>();
  for (const stage of stages) share.set(stage, (share.get(stage) ?? 0) + 1);
  const parts = [...share].sort(([a], [b]) => a - b);
  return (
    <>
      {parts.length > 0 && (
        <div class="shares" aria-hidden="true">
          {parts.map(([stage, count]) => (
            <span key={stage} class="share" data-stage={stage} style={{ flexGrow: count }}>
              {stage}
            </span>
          ))}
        </div>
      )}
      <p class="note">
        {answered} answered, {refused} refused.{' '}
        {parts.length > 0 &&
          `Of the last ${stages.length}: ${parts.map(([stage, count]) => `${count} by stage ${stage}`).join(', ')}.`}
      </p>
      {problem !== '' && <p class="lost">{problem}</p>}
    </>
  );
}
