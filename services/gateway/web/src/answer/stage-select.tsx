import type { StageReport } from '../api/progress';

/** A stage by number; with `automatic` also the server's own choice, which is null. */
export function StageSelect(props: {
  id: string;
  label: string;
  stages: readonly StageReport[];
  value: number | null;
  automatic?: boolean;
  onChange: (stage: number | null) => void;
}) {
  const { id, label, stages, value, automatic, onChange } = props;
  const change = (text: string) => onChange(text === '' ? null : Number(text));
  return (
    <span class="labelled">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value === null ? '' : String(value)}
        onChange={(event) => change(event.currentTarget.value)}
      >
        {automatic && <option value="">automatic</option>}
        {stages.map(({ stage, attached }) => (
          <option key={stage} value={stage} disabled={!attached}>
            {stage}
            {attached ? '' : ' (not here yet)'}
          </option>
        ))}
      </select>
    </span>
  );
}
