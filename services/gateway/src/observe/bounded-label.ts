/** What stands for every name beyond the bound. */
export const OTHER = 'other';

/** Names from a set that others fill, as values of a label: the first `max` keep theirs, all others are `other`. */
export class BoundedLabel {
  private readonly known = new Set<string>();

  constructor(private readonly max: number) {}

  of(name: string): string {
    if (this.known.has(name)) return name;
    if (this.known.size >= this.max) return OTHER;
    this.known.add(name);
    return name;
  }
}
