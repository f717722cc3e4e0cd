import type { StageWish } from '../request/choose-stage';

const KEPT = 256;

/** Which stages recent requests could have used: what is fetched first. */
export class WantedStages {
  private readonly recent: number[] = [];
  private at = 0;

  constructor(private readonly count: number) {}

  saw({ stage }: StageWish): void {
    // A request that names none takes the highest that there is.
    this.recent[this.at] = stage ?? this.count - 1;
    this.at = (this.at + 1) % KEPT;
  }

  /** Share of the last requests that wanted at least stage k, at index k; 1 while there were none. */
  share(): number[] {
    const { recent } = this;
    return Array.from({ length: this.count }, (_, stage) =>
      recent.length === 0 ? 1 : recent.filter((one) => one >= stage).length / recent.length,
    );
  }
}
