/** Values drawn from, a power of two: many enough that nobody hears them come back. */
const TABLE_SIZE = 65_536;

/** xoshiro128**: small, fast, and the same everywhere for the same seed. */
function generator(seed: bigint): () => number {
  const state = new Uint32Array(4);
  let z = BigInt.asUintN(64, seed);
  for (let at = 0; at < 4; at += 2) {
    z = BigInt.asUintN(64, z + 0x9e3779b97f4a7c15n);
    let x = z;
    x = BigInt.asUintN(64, (x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n);
    x = BigInt.asUintN(64, (x ^ (x >> 27n)) * 0x94d049bb133111ebn);
    x ^= x >> 31n;
    state[at] = Number(x & 0xffffffffn);
    state[at + 1] = Number(x >> 32n);
  }
  return () => {
    const result = Math.imul(rotated(Math.imul(state[1]!, 5), 7), 9) >>> 0;
    const t = state[1]! << 9;
    state[2]! ^= state[0]!;
    state[3]! ^= state[1]!;
    state[1]! ^= state[2]!;
    state[0]! ^= state[3]!;
    state[2]! ^= t;
    state[3] = rotated(state[3]!, 11);
    return result;
  };
}

const rotated = (value: number, by: number) => (value << by) | (value >>> (32 - by));

let table: Float32Array | null = null;

function normals(): Float32Array {
  if (table) return table;
  const draw = generator(0n);
  const unit = () => (draw() + 0.5) / 2 ** 32;
  table = new Float32Array(TABLE_SIZE);
  for (let at = 0; at < TABLE_SIZE; at += 2) {
    const radius = Math.sqrt(-2 * Math.log(unit()));
    const turn = 2 * Math.PI * unit();
    table[at] = radius * Math.cos(turn);
    table[at + 1] = radius * Math.sin(turn);
  }
  return table;
}

/**
 * Draws from the normal distribution with variance 1, the same for the same seed. The values come out of a table: two
 * draws a bin are a large part of a voice's work, and a table makes them cheap.
 */
export function normalNoise(seed: bigint): () => number {
  const draw = generator(seed);
  const values = normals();
  return () => values[draw() & (TABLE_SIZE - 1)]!;
}

/** A seed of its own for each clause, so that clauses need not be made in order. */
export function clauseSeed(seed: bigint, index: number): bigint {
  return BigInt.asUintN(64, (seed + BigInt(index) * 0xd1342543de82ef95n) ^ 0x2545f4914f6cdd1dn);
}
