import { open } from 'node:fs/promises';
import { type ByteSource, DeltaError } from '@zen/deltas';

/** A file opened for reading at any place. */
export async function fileBytes(path: string): Promise<ByteSource & { close(): Promise<void> }> {
  const file = await open(path, 'r');
  const { size } = await file.stat();
  return {
    size,
    async read(offset, bytes) {
      const into = new Uint8Array(bytes);
      for (let done = 0; done < bytes; ) {
        const { bytesRead } = await file.read(into, done, bytes - done, offset + done);
        if (bytesRead === 0) throw new DeltaError('truncated', `${path} ends before byte ${offset + bytes}`);
        done += bytesRead;
      }
      return into;
    },
    close: () => file.close(),
  };
}
