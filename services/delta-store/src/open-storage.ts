import { FolderObjects } from './storage/folder-objects';
import type { ObjectStore } from './storage/object-store';

/** The storage at a place: a folder, or `s3://bucket/prefix`. */
export async function openStorage(place: string, nowMs: number): Promise<ObjectStore> {
  return FolderObjects.open(place, nowMs);
}
