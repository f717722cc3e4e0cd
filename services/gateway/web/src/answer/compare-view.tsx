import { signal } from '@preact/signals';
import { models } from '../ladder/follow';
import { modelsOf } from '../ladder/ladder-view';
import { modelName } from '../shell/session';
import { Composer } from './composer';
import { comparing } from './conversation';
import { Legend } from './legend';
import { Settings } from './settings';
import { StageSelect } from './stage-select';
import { TurnList } from './turn-list';

const chosen = signal<{ left: number | null; right: number | null }>({ left: null, right: null });

/** One prompt, two stages, side by side. */
export function CompareView() {
  const [model] = modelsOf(models.value, modelName.value);
  const stages = model?.stages ?? [];
  const attached = stages.filter((stage) => stage.attached).map(({ stage }) => stage);
  const left = chosen.value.left ?? attached[0] ?? 0;
  const right = chosen.value.right ?? attached[attached.length - 1] ?? 0;
  const pick = (side: 'left' | 'right') => (stage: number | null) => {
    chosen.value = { ...chosen.value, [side]: stage };
  };
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Comparisons">
        <TurnList talk={comparing} empty="One prompt, two stages, side by side." />
      </section>
      <Legend />
      <Composer label="Prompt for both stages" placeholder="Ask both …" talk={comparing} pins={[left, right]}>
        <StageSelect id="left" label="Left" stages={stages} value={left} onChange={pick('left')} />
        <StageSelect id="right" label="Right" stages={stages} value={right} onChange={pick('right')} />
        <Settings />
      </Composer>
    </>
  );
}
