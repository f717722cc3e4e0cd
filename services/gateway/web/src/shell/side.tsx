import { useEffect, useState } from 'preact/hooks';
import { Bar } from '../ladder/bar';
import { models } from '../ladder/follow';
import { LadderPanel } from '../ladder/ladder-panel';
import { ladderView, modelsOf } from '../ladder/ladder-view';
import { LoadPanel } from '../load/load-panel';
import { modelName } from './session';

const WIDE = matchMedia('(min-width: 60rem)');

/** Ladder and load beside the chat; where there is no room, folded into one line above it. */
export function Side() {
  const [open, setOpen] = useState(WIDE.matches);
  useEffect(() => {
    const follow = () => setOpen(WIDE.matches);
    WIDE.addEventListener('change', follow);
    return () => WIDE.removeEventListener('change', follow);
  }, []);
  return (
    <aside class="side" aria-label="Ladder and load">
      <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <MiniLadder />
        </summary>
        <LadderPanel />
        <LoadPanel />
      </details>
    </aside>
  );
}

function MiniLadder() {
  const [ladder] = modelsOf(models.value, modelName.value).map(ladderView);
  if (!ladder) return <span>Ladder and load</span>;
  const { rungs, serving } = ladder;
  return (
    <>
      <span class="mini" aria-hidden="true">
        {rungs.map(({ stage, bytes, bytesPresent }) => (
          <Bar key={stage} label={`Stage ${stage}`} value={bytesPresent} max={bytes} text="" stage={stage} />
        ))}
      </span>
      <span class="mini-text">
        {serving === null ? 'arriving' : `stage ${serving} of ${rungs.length - 1}`}
        <span class="hidden">: ladder and load</span>
      </span>
    </>
  );
}
