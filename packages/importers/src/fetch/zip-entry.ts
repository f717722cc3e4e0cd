import type { Readable } from 'node:stream';
import { type Entry, open, type ZipFile } from 'yauzl';
import { SourceError } from '../source-error';

/** Most entries looked at in one archive. */
const MAX_ENTRIES = 100_000;

/**
 * Streams one entry of a zip archive (a wheel), found by its exact name. Nothing is written and no name of
 * the archive becomes a path. The archive's own sizes and check sum are verified by the reader.
 */
export async function* readZipEntry(archive: string, name: string, maxBytes: number): AsyncGenerator<Buffer> {
  const zip = await openZip(archive);
  try {
    const entry = await findEntry(zip, archive, name);
    if (entry.uncompressedSize > maxBytes) {
      throw new SourceError(
        'too-large',
        `${archive}: ${name} has ${entry.uncompressedSize} bytes, limit ${maxBytes}`,
      );
    }
    const stream = await new Promise<Readable>((resolve, reject) =>
      zip.openReadStream(entry, (error, opened) => (error ? reject(error) : resolve(opened))),
    );
    yield* stream as AsyncIterable<Buffer>;
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError('bad-format', `${archive}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  } finally {
    zip.close();
  }
}

function openZip(archive: string): Promise<ZipFile> {
  return new Promise((resolve, reject) =>
    open(archive, { lazyEntries: true, autoClose: false, validateEntrySizes: true }, (error, zip) =>
      error
        ? reject(
            new SourceError('bad-format', `${archive}: not a zip archive: ${error.message}`, {
              cause: error,
            }),
          )
        : resolve(zip),
    ),
  );
}

function findEntry(zip: ZipFile, archive: string, name: string): Promise<Entry> {
  if (zip.entryCount > MAX_ENTRIES) {
    throw new SourceError('too-large', `${archive}: ${zip.entryCount} entries, limit ${MAX_ENTRIES}`);
  }
  return new Promise((resolve, reject) => {
    zip.on('error', reject);
    zip.on('end', () => reject(new SourceError('not-found', `${archive} has no ${name}`)));
    zip.on('entry', (entry: Entry) => {
      if (entry.fileName === name) resolve(entry);
      else zip.readEntry();
    });
    zip.readEntry();
  });
}
