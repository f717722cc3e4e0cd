/** Writes a safetensors file for tests: header length, header, data. */
export function buildSafetensors(
  tensors: Readonly<Record<string, { dtype: string; shape: number[]; data: Uint8Array }>>,
  change: (header: Record<string, Record<string, unknown>>) => void = () => {},
): Buffer {
  const header: Record<string, Record<string, unknown>> = { __metadata__: { format: 'pt' } };
  const data: Uint8Array[] = [];
  let at = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    header[name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [at, at + tensor.data.length] };
    data.push(tensor.data);
    at += tensor.data.length;
  }
  change(header);
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...data]);
}
