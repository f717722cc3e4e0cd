import { LadderError } from './ladder-error';

/** Reads untrusted JSON field by field; every refusal names the field's path and the limit. */
export class Fields {
  private constructor(
    private readonly object: Record<string, unknown>,
    readonly path: string,
  ) {}

  static of(value: unknown, path: string): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw refuse(path, 'must be an object');
    }
    return new Fields(value as Record<string, unknown>, path);
  }

  /** The object itself, for what has been checked. */
  read(): unknown {
    return this.object;
  }
  value(name: string): unknown {
    return Object.hasOwn(this.object, name) ? this.object[name] : undefined;
  }
  child(name: string): Fields {
    return Fields.of(this.value(name), this.at(name));
  }
  whole(name: string, low: number, high: number): number {
    const value = this.value(name);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) {
      throw refuse(this.at(name), `must be a whole number from ${low} to ${high}`);
    }
    return value;
  }
  number(name: string, low: number, high: number): number {
    const value = this.value(name);
    if (typeof value !== 'number' || !(value >= low && value <= high)) {
      throw refuse(this.at(name), `must be a number from ${low} to ${high}`);
    }
    return value;
  }
  text(name: string, most: number): string {
    const value = this.value(name);
    if (typeof value !== 'string' || value.length > most) {
      throw refuse(this.at(name), `must be a text of at most ${most} characters`);
    }
    return value;
  }
  sha256(name: string): string {
    const value = this.text(name, 64);
    if (!/^[0-9a-f]{64}$/.test(value)) throw refuse(this.at(name), 'must be 64 lower-case hex digits');
    return value;
  }
  flag(name: string): boolean {
    const value = this.value(name);
    if (typeof value !== 'boolean') throw refuse(this.at(name), 'must be true or false');
    return value;
  }
  choice<T extends string>(name: string, options: readonly T[]): T {
    const value = this.value(name);
    if (!options.includes(value as T)) throw refuse(this.at(name), `must be one of ${options.join(', ')}`);
    return value as T;
  }
  list(name: string, low: number, high: number): unknown[] {
    const value = this.value(name);
    if (!Array.isArray(value) || value.length < low || value.length > high) {
      throw refuse(this.at(name), `must be a list of ${low} to ${high} items`);
    }
    return value;
  }
  at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }
}

export function refuse(field: string, limit: string): LadderError {
  return new LadderError('invalid', `${field} ${limit}`);
}
