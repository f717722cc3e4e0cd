/** A bar that fills, with its meaning in words. */
export function Bar(props: { label: string; value: number; max: number; text: string; stage?: number }) {
  const { label, value, max, text, stage } = props;
  const share = max > 0 ? Math.min(1, value / max) : 0;
  return (
    <div
      class="bar"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(share * 100)}
      aria-valuetext={text}
      data-stage={stage}
    >
      <div class="fill" style={{ transform: `scaleX(${share})` }} />
    </div>
  );
}
