import { maxTokens, temperature } from '../shell/session';

const MAX_TOKENS = 4096;

export function Settings() {
  return (
    <>
      <span class="labelled">
        <label for="max-tokens">Tokens</label>
        <input
          id="max-tokens"
          type="number"
          min={1}
          max={MAX_TOKENS}
          step={1}
          value={maxTokens.value}
          onChange={(event) => {
            maxTokens.value = within(event.currentTarget, 1, MAX_TOKENS);
          }}
        />
      </span>
      <span class="labelled">
        <label for="temperature">Temperature</label>
        <input
          id="temperature"
          type="number"
          min={0}
          max={2}
          step={0.1}
          value={temperature.value}
          onChange={(event) => {
            temperature.value = within(event.currentTarget, 0, 2);
          }}
        />
      </span>
    </>
  );
}

/** The field's number, brought between its limits, which the field then shows. */
function within(field: HTMLInputElement, min: number, max: number): number {
  const value = Number.isFinite(field.valueAsNumber) ? field.valueAsNumber : min;
  const bounded = Math.min(max, Math.max(min, value));
  field.value = String(bounded);
  return bounded;
}
