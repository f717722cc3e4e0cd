import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderObjects } from '../storage/folder-objects';
import { Registers } from '../storage/registers';
import { Tenants } from './tenants';

test('of two that come first at once one makes the space of a tenant, and both use it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'zen-tenants-'));
  try {
    const key = randomBytes(32);
    const objects = await FolderObjects.open(folder, Date.now());
    const other = new Tenants(objects, new Registers(objects), key, Date.now);
    // Another process makes the tenant between this one's look and what it does about it.
    const late = Object.create(objects) as FolderObjects;
    let made: Promise<{ epoch: string }> | undefined;
    late.list = async (prefix, options) => {
      const names = await objects.list(prefix, options);
      made ??= other.findOrMake('acme');
      await made;
      return names;
    };
    const space = await new Tenants(late, new Registers(late), key, Date.now).findOrMake('acme');
    expect(space.epoch).toBe((await made)?.epoch);
    expect((await other.find('acme'))?.epoch).toBe(space.epoch);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
