import {
  DEFAULT_RETRY,
  httpRequest,
  RegistryAuthorization,
  type RetryPolicy,
  registryOrigin,
} from '@zen/http';
import { MANIFEST_TYPE } from '@zen/ladder';
import type { ArtifactStore } from './artifact-store';
import { FolderStore } from './folder-store';
import { S3Client } from './s3-client';
import { NO_SETTINGS, type StoreSettings } from './store-settings';
import { parseStoreUri, type StoreUri } from './store-uri';
import { hexOf, LAYOUT_PATHS, WebStore } from './web-store';

export interface StoreOptions {
  settings?: StoreSettings;
  retry?: Partial<RetryPolicy>;
}

/** Opens the place that an address names, see `parseStoreUri`; nothing is asked of it yet. */
export function openStore(uri: string, options: StoreOptions = {}): ArtifactStore {
  const place = parseStoreUri(uri);
  const settings = options.settings ?? NO_SETTINGS;
  const retry = { ...DEFAULT_RETRY, ...options.retry };
  switch (place.kind) {
    case 'folder':
      return new FolderStore(place.path);
    case 'http': {
      const authorization = settings.originKey === null ? null : `Bearer ${settings.originKey}`;
      return new WebStore(
        uri,
        LAYOUT_PATHS,
        (path, headers, accept, signal) =>
          httpRequest({ url: `${place.url}/${path}`, headers, authorization, accept }, retry, signal),
        retry,
        place.digest,
      );
    }
    case 's3': {
      const client = new S3Client(place, settings.s3, retry);
      const get = (
        path: string,
        headers: Readonly<Record<string, string>>,
        accept: readonly number[],
        signal: AbortSignal,
      ) => client.send(path, { headers, accept }, signal);
      return new WebStore(uri, LAYOUT_PATHS, get, retry, place.digest);
    }
    case 'oci':
      return ociStore(uri, place, settings, retry);
  }
}

function ociStore(
  uri: string,
  place: Extract<StoreUri, { kind: 'oci' }>,
  settings: StoreSettings,
  retry: RetryPolicy,
): ArtifactStore {
  const root = `${registryOrigin(place.registry)}/v2/${place.repository}`;
  const authorization = registryAuthorization(place, 'pull', settings, retry);
  const paths = {
    manifest: `manifests/${place.reference}`,
    manifestHeaders: { accept: MANIFEST_TYPE },
    blob: (digest: string) => `blobs/sha256:${hexOf(digest)}`,
  };
  return new WebStore(
    uri,
    paths,
    (path, headers, accept, signal) =>
      authorization.send({ url: `${root}/${path}`, headers, accept }, signal),
    retry,
    place.digest,
  );
}

export function registryAuthorization(
  { registry, repository }: Extract<StoreUri, { kind: 'oci' }>,
  actions: 'pull' | 'pull,push',
  settings: StoreSettings,
  retry: RetryPolicy,
): RegistryAuthorization {
  const login = settings.logins[registry] ?? settings.login;
  return new RegistryAuthorization(repository, actions, login, retry);
}
