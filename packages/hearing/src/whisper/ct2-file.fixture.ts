/** Writes CTranslate2's format. Shapes of a model with one layer that computes nothing sensible. */
export class Ct2File {
  private readonly tensors: Buffer[] = [];

  constructor(
    private readonly version = 6,
    private readonly spec = 'WhisperSpec',
    private readonly revision = 3,
  ) {}

  tensor(name: string, shape: readonly number[], type: number, data: Uint8Array): this {
    const head = [text(name), Buffer.from([shape.length]), ...shape.map(uint), Buffer.from([type])];
    this.tensors.push(Buffer.concat([...head, uint(data.length), data]));
    return this;
  }

  /** Half precision zeros. */
  zeros(name: string, shape: readonly number[]): this {
    return this.tensor(name, shape, 4, new Uint8Array(2 * shape.reduce((all, one) => all * one, 1)));
  }

  bytes(aliases: readonly (readonly [string, string])[] = []): Buffer {
    return Buffer.concat([
      uint(this.version),
      text(this.spec),
      uint(this.revision),
      uint(this.tensors.length),
      ...this.tensors,
      uint(aliases.length),
      ...aliases.flatMap(([name, target]) => [text(name), text(target)]),
    ]);
  }
}

function uint(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.alloc(value.length + 3);
  bytes.writeUInt16LE(value.length + 1);
  bytes.write(value, 2, 'latin1');
  return bytes;
}
