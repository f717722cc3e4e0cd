/** The numbers of a tensor, by its name, of a safetensors file that holds float32 only: golden values of a reference. */
export function goldenOf(file: Buffer): (name: string) => number[] {
  const length = Number(file.readBigUInt64LE());
  const header = JSON.parse(file.toString('utf8', 8, 8 + length));
  return (name) => {
    const [from, to] = header[name].data_offsets;
    const bytes = file.subarray(8 + length + from, 8 + length + to);
    return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
  };
}
