/** Share of a step's surprise that the pace takes over: what changes from second to second slows all steps alike. */
const PACE_GAIN = 0.2;
/** Share that the step's own time takes over. */
const SHAPE_GAIN = 0.1;
/** A pause of the machine says little: surprises count up to this factor. */
const MOST_SURPRISE = 2;
/** Until measured, a further row costs this share of a step of one row. */
const UNKNOWN_ROW = 0.25;

/**
 * Microseconds of a step that only decodes, by stage and number of rows (tokens computed). Tables rather than lines:
 * one row takes another way through the kernels than several, and where the machine turns from bound by memory to
 * bound by arithmetic the slope changes.
 */
export class RowCosts {
  /** Natural logarithm of the microseconds at pace 0, by stage and rows. */
  private readonly tables = new Map<number, Map<number, number>>();
  /** Natural logarithm of how much slower than its tables the machine is now. */
  private pace = 0;

  observe(stage: number, rows: number, elapsedUs: number): void {
    const table = this.tables.get(stage) ?? new Map<number, number>();
    this.tables.set(stage, table);
    const known = table.get(rows);
    if (known === undefined) {
      table.set(rows, Math.log(elapsedUs) - this.pace);
      return;
    }
    const limit = Math.log(MOST_SURPRISE);
    const surprise = Math.log(elapsedUs) - this.pace - known;
    const counted = Math.min(limit, Math.max(-limit, surprise));
    this.pace += PACE_GAIN * counted;
    table.set(rows, known + SHAPE_GAIN * counted);
  }

  /** Whether steps of exactly so many rows have been seen. */
  knows(stage: number, rows: number): boolean {
    return this.tables.get(stage)?.has(rows) ?? false;
  }

  /** Interpolated between known times; undefined where nothing is known. */
  time(stage: number, rows: number): number | undefined {
    const known = [...(this.tables.get(stage) ?? [])]
      .map(([at, logUs]): [number, number] => [at, Math.exp(logUs + this.pace)])
      .sort(([a], [b]) => a - b);
    const [first] = known;
    if (first === undefined) return undefined;
    if (first[0] >= rows) return first[1];
    const above = known.findIndex(([at]) => at >= rows);
    if (above < 0) return beyond(known, rows);
    const [highRows, highUs] = known[above] as [number, number];
    if (highRows === rows) return highUs;
    const [lowRows, lowUs] = known[above - 1] as [number, number];
    return lowUs + ((highUs - lowUs) * (rows - lowRows)) / (highRows - lowRows);
  }
}

/** More rows than any that are known: on by the slope of what is. */
function beyond(known: readonly (readonly [number, number])[], rows: number): number {
  const [firstRows, firstUs] = known[0] as [number, number];
  const [lastRows, lastUs] = known.at(-1) as [number, number];
  const slope =
    lastRows === firstRows
      ? (UNKNOWN_ROW * firstUs) / firstRows
      : Math.max(0, (lastUs - firstUs) / (lastRows - firstRows));
  return lastUs + slope * (rows - lastRows);
}
