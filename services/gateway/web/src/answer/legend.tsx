import { models } from '../ladder/follow';
import { percent } from '../ladder/format';
import { modelsOf } from '../ladder/ladder-view';
import { modelName } from '../shell/session';

/** What the tints mean. */
export function Legend() {
  const [model] = modelsOf(models.value, modelName.value);
  if (!model) return null;
  return (
    <div class="legend">
      <span id="legend-title">Tint by stage, with its agreement with the source model:</span>
      <ul aria-labelledby="legend-title">
        {model.stages.map(({ stage, quality }) => (
          <li key={stage}>
            <span class="chip small" data-stage={stage} aria-hidden="true">
              {stage}
            </span>
            <span class="run" data-stage={stage}>
              <span class="hidden">stage {stage}: </span>
              {quality ? percent(quality.top1, 0) : `stage ${stage}`}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
