import { modelName } from '../shell/session';
import { Bar } from './bar';
import { lost, models } from './follow';
import { bandwidth, duration, megabytes } from './format';
import { type LadderView, ladderView, modelsOf } from './ladder-view';
import { RungRow } from './rung-row';

/** The ladder of the chosen model, or of each member of the chosen family. */
export function LadderPanel() {
  const ladders = modelsOf(models.value, modelName.value).map(ladderView);
  return (
    <section class="panel" aria-labelledby="ladder-title">
      <h2 id="ladder-title">Ladder</h2>
      {lost.value !== '' && <p class="lost">{lost.value}</p>}
      {ladders.map((ladder) => (
        <Ladder key={ladder.model} ladder={ladder} named={ladders.length > 1} />
      ))}
    </section>
  );
}

function Ladder({ ladder, named }: { ladder: LadderView; named: boolean }) {
  return (
    <div class="ladder">
      {named && <h3>{ladder.model}</h3>}
      <p class="climb">{climbText(ladder)}</p>
      <ol class="rungs" aria-label={`Stages of ${ladder.model}, highest first`}>
        {[...ladder.rungs].reverse().map((rung) => (
          <RungRow key={rung.stage} rung={rung} top={ladder.rungs.length - 1} serving={ladder.serving} />
        ))}
      </ol>
      {!ladder.complete && (
        <Bar
          label={`All stages of ${ladder.model}`}
          value={ladder.bytesPresent}
          max={ladder.bytes}
          text={`${megabytes(ladder.bytesPresent)} of ${megabytes(ladder.bytes)}`}
        />
      )}
      <p class="note">{totalText(ladder)}</p>
      {ladder.failure !== '' && <p class="lost">A replica failed: {ladder.failure}</p>}
      {ladder.corruptChunks > 0 && (
        <p class="note">{ladder.corruptChunks} damaged chunks were found and fetched again.</p>
      )}
    </div>
  );
}

function climbText({ serving, rungs, complete }: LadderView): string {
  const top = rungs.length - 1;
  if (complete) return 'Complete: every stage is here.';
  if (serving === null) return 'The first stage is on its way.';
  return `Answers from stage ${serving} of ${top}, and climbs.`;
}

function totalText({ bytes, bytesPresent, bytesPerSecond, complete, replicaCount }: LadderView): string {
  const replicas = replicaCount === 1 ? '' : ` · ${replicaCount} replicas`;
  if (complete) return `${megabytes(bytes)}${replicas}`;
  const part = `${megabytes(bytesPresent)} of ${megabytes(bytes)}`;
  if (bytesPerSecond === 0) return `${part}${replicas}`;
  const left = duration((bytes - bytesPresent) / bytesPerSecond);
  return `${part} · ${bandwidth(bytesPerSecond)} · complete in ${left}${replicas}`;
}
