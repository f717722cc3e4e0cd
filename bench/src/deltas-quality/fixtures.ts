import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Text } from './candidates';

const FOLDER = join(__dirname, '..', '..', '..', 'packages', 'testing', 'fixtures', 'deltas');

/** Puts a built delta where the tests take it from. */
export async function keepFixture(text: Text, file: string): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  await copyFile(file, join(FOLDER, `${text}.delta`));
}
