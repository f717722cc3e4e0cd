import { ClusterError } from './cluster-error';

/** A whole body, which must be JSON of at most so many bytes. */
export async function readJson<T>(body: AsyncIterable<Buffer>, maxBytes: number, what: string): Promise<T> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new ClusterError(`${what} of more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString()) as T;
}
