/**
 * A protobuf message as pieces that are written one after another: weights of a hundred megabytes are never copied
 * into the messages around them.
 */
export class OnnxMessage {
  readonly pieces: Uint8Array[] = [];
  bytes = 0;

  integer(field: number, value: number): this {
    return this.push(Uint8Array.from([...varint(field * 8), ...varint(value)]));
  }

  float(field: number, value: number): this {
    const piece = Buffer.alloc(5);
    piece[0] = field * 8 + 5;
    piece.writeFloatLE(value, 1);
    return this.push(piece);
  }

  text(field: number, value: string): this {
    return this.data(field, Buffer.from(value));
  }

  data(field: number, value: Uint8Array): this {
    return this.push(Uint8Array.from([...varint(field * 8 + 2), ...varint(value.length)])).push(value);
  }

  message(field: number, value: OnnxMessage): this {
    this.push(Uint8Array.from([...varint(field * 8 + 2), ...varint(value.bytes)]));
    for (const piece of value.pieces) this.push(piece);
    return this;
  }

  private push(piece: Uint8Array): this {
    this.pieces.push(piece);
    this.bytes += piece.length;
    return this;
  }
}

/** A safe integer; one below zero is written as the 64 bits of its complement. */
function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) + 128);
  bytes.push(Number(rest));
  return bytes;
}
