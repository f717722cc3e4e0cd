import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderObjects } from './folder-objects';
import { objectStoreConformance } from './object-store-conformance.fixture';

const folder = mkdtempSync(join(tmpdir(), 'zen-objects-'));
afterAll(() => rmSync(folder, { recursive: true }));

objectStoreConformance('a folder', async () => ({
  first: await FolderObjects.open(folder, Date.now()),
  second: await FolderObjects.open(folder, Date.now()),
}));

test('what a killed process has left is removed once it is old, and never listed', async () => {
  const objects = await FolderObjects.open(folder, Date.now());
  const { writeFileSync } = await import('node:fs');
  writeFileSync(join(folder, 'unfinished', 'half'), 'half');
  await FolderObjects.open(folder, Date.now());
  expect(readdirSync(join(folder, 'unfinished'))).toContain('half');
  await FolderObjects.open(folder, Date.now() + 2 * 3600_000);
  expect(readdirSync(join(folder, 'unfinished'))).toEqual([]);
  expect(await objects.list('', { limit: 1e6 })).not.toContain('half');
});
