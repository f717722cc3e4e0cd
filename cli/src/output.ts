import cliProgress from 'cli-progress';

/** Least time between two lines of the same phase where there is no terminal, in milliseconds. */
const LINE_MS = 30_000;

/** Answers go to stdout, progress to stderr: a bar on a terminal, else lines, one per phase and per half minute. */
export class Output {
  private bar: cliProgress.SingleBar | null = null;
  private phase = '';
  /** When the phase began with how much done already, and when its last line was written. */
  private began = { at: 0, done: 0 };
  private lineAt = 0;

  constructor(
    private readonly json: boolean,
    private readonly stdout: NodeJS.WritableStream,
    private readonly stderr: NodeJS.WritableStream & { isTTY?: boolean },
    private readonly now: () => number = Date.now,
  ) {}

  /** The command's result: one line of JSON, or text. */
  result(value: unknown, text: string): void {
    this.endProgress();
    this.stdout.write(this.json ? `${JSON.stringify(value)}\n` : `${text}\n`);
  }

  note(text: string): void {
    this.endProgress();
    this.stderr.write(`${text}\n`);
  }

  progress(phase: string, done: number, total: number): void {
    if (phase !== this.phase) {
      this.endProgress();
      this.phase = phase;
      this.began = { at: this.now(), done };
      this.lineAt = this.began.at;
      if (this.stderr.isTTY) {
        this.bar = new cliProgress.SingleBar(
          {
            stream: this.stderr,
            format: `${phase.padEnd(10)} [{bar}] {percentage}% | {duration_formatted}, {eta_formatted} left`,
            hideCursor: true,
          },
          cliProgress.Presets.shades_classic,
        );
        this.bar.start(Math.max(1, total), done);
      } else {
        this.stderr.write(`${phase}\n`);
      }
    }
    if (this.bar !== null) {
      this.bar.setTotal(Math.max(1, total));
      this.bar.update(done);
    } else if (this.now() - this.lineAt >= LINE_MS) {
      this.lineAt = this.now();
      this.stderr.write(
        `${phase} ${Math.floor((100 * done) / Math.max(1, total))}%${this.left(done, total)}\n`,
      );
    }
  }

  /** The rest of the phase at the pace so far. */
  private left(done: number, total: number): string {
    const gone = done - this.began.done;
    if (gone <= 0 || done >= total) return '';
    const ms = ((this.now() - this.began.at) / gone) * (total - done);
    return ms < 90_000
      ? `, about ${Math.ceil(ms / 1000)} s left`
      : `, about ${Math.ceil(ms / 60_000)} min left`;
  }

  endProgress(): void {
    this.bar?.stop();
    this.bar = null;
    this.phase = '';
  }
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`;
}

/** Columns aligned with two spaces between them; numbers to the right. */
export function formatTable(rows: (string | number)[][]): string {
  const text = rows.map((row) => row.map(String));
  const widths = text[0]!.map((_, column) => Math.max(...text.map((row) => row[column]!.length)));
  return text
    .map((row, index) =>
      row
        .map((cell, column) =>
          index > 0 && /^[-\d]/.test(cell) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
