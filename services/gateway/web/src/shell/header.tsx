import { models } from '../ladder/follow';
import { namesOf } from '../ladder/ladder-view';
import { KeyButton } from './key-button';
import { modelName, type View, view } from './session';

const VIEWS: [View, string][] = [
  ['chat', 'Chat'],
  ['compare', 'Compare'],
  ['voice', 'Voice'],
];

export function Header() {
  const { families, models: names } = namesOf(models.value);
  return (
    <header class="top">
      <a class="skip" href="#prompt">
        Skip to your message
      </a>
      <h1>Zen</h1>
      <nav aria-label="Views">
        {VIEWS.map(([name, label]) => (
          <button
            key={name}
            type="button"
            class="tab"
            aria-current={view.value === name ? 'page' : undefined}
            onClick={() => {
              view.value = name;
            }}
          >
            {label}
          </button>
        ))}
      </nav>
      <span class="labelled model">
        <label for="model">Model</label>
        <select
          id="model"
          value={modelName.value}
          onChange={(event) => {
            modelName.value = event.currentTarget.value;
          }}
        >
          {families.length > 0 && (
            <optgroup label="Families">
              {families.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </optgroup>
          )}
          {names.length === 0 && <option value="">none yet</option>}
          {names.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </span>
      <KeyButton />
    </header>
  );
}
