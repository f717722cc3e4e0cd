import { createHash } from 'node:crypto';
import { httpJson, RegistryAuthorization, RetryableError, registryOrigin, withRetries } from '@zen/http';
import type { CachedFile } from '../cache/cache-entry';
import { SourceError } from '../source-error';
import type { SourceUri } from '../source-uri';
import { download } from './download';
import type { FetchContext } from './fetch-context';
import { chooseFiles } from './repository-files';

const MAX_MANIFEST = 4 * 1024 * 1024;
const MAX_LAYERS = 4_096;
const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const DIGEST = /^sha256:[0-9a-f]{64}$/;

interface Layer {
  mediaType: string;
  digest: string;
  bytes: number;
  title: string | null;
}

/**
 * Fetches a model from an OCI registry (distribution specification): an artifact whose layers are files,
 * named by `org.opencontainers.image.title`, or whose one layer is a GGUF file by its media type.
 */
export async function fetchOci(
  uri: Extract<SourceUri, { scheme: 'oci' }>,
  context: FetchContext,
): Promise<CachedFile[]> {
  const where = `oci://${uri.registry}/${uri.repository}`;
  const base = `${registryOrigin(uri.registry)}/v2/${uri.repository}`;
  const credentials = context.settings.ociCredentials[uri.registry] ?? null;
  const authorization = new RegistryAuthorization(uri.repository, 'pull', credentials, context.retry);
  const layers = parseLayers(await readManifest(base, uri.reference, authorization, context), where);
  const chosen = chooseLayers(layers, where);
  const totalBytes = chosen.reduce((sum, { layer }) => sum + layer.bytes, 0);
  const done: CachedFile[] = [];
  let doneBefore = 0;
  for (const { name, layer } of chosen) {
    const sha256 = layer.digest.slice('sha256:'.length);
    if (chosen.length === 1 && uri.sha256 !== null && uri.sha256 !== sha256) {
      throw new SourceError('wrong-hash', `${where}: ${name} has SHA-256 ${sha256}, expected ${uri.sha256}`);
    }
    const request = {
      url: `${base}/blobs/${layer.digest}`,
      name,
      sha256,
      bytes: layer.bytes,
      doneBefore,
      totalBytes,
    };
    done.push(await download({ ...request, authorization }, context));
    doneBefore += layer.bytes;
  }
  return done;
}

async function readManifest(
  base: string,
  reference: string,
  authorization: RegistryAuthorization,
  context: FetchContext,
): Promise<unknown> {
  const url = `${base}/manifests/${reference}`;
  return withRetries(url, context.retry, context.signal, async () => {
    const answer = await httpJson(
      {
        url,
        headers: { accept: MANIFEST_TYPES.join(', ') },
        authorization: authorization.header(),
        accept: [401],
      },
      MAX_MANIFEST,
      context.retry,
      context.signal,
    );
    if (answer.status === 401) {
      await authorization.answer(answer.headers.get('www-authenticate'), context.signal);
      throw new RetryableError('status 401', 0);
    }
    authorization.accepted();
    const digest = `sha256:${createHash('sha256').update(answer.bytes).digest('hex')}`;
    if (DIGEST.test(reference) && digest !== reference) {
      throw new SourceError('wrong-hash', `${url}: the manifest has ${digest}`);
    }
    return answer.json;
  });
}

function parseLayers(json: unknown, where: string): Layer[] {
  const { layers } = (json ?? {}) as { layers?: unknown };
  if (!Array.isArray(layers) || layers.length === 0 || layers.length > MAX_LAYERS) {
    throw new SourceError('bad-format', `${where}: the manifest must have 1 to ${MAX_LAYERS} layers`);
  }
  return layers.map((layer: Record<string, unknown>, index) => {
    const { mediaType, digest, size } = layer ?? {};
    if (typeof mediaType !== 'string' || typeof digest !== 'string' || !DIGEST.test(digest)) {
      throw new SourceError(
        'bad-format',
        `${where}: layers[${index}] needs a media type and a sha256 digest`,
      );
    }
    const title = (layer.annotations as Record<string, unknown> | undefined)?.[
      'org.opencontainers.image.title'
    ];
    return { mediaType, digest, bytes: Number(size), title: typeof title === 'string' ? title : null };
  });
}

function chooseLayers(layers: readonly Layer[], where: string): { name: string; layer: Layer }[] {
  const byType = layers.filter((layer) => layer.mediaType.includes('gguf'));
  if (byType.length === 1 && !byType[0]!.title?.endsWith('.gguf')) {
    const [file] = chooseFiles([{ name: 'model.gguf', bytes: byType[0]!.bytes, sha256: null }], null, where);
    return [{ name: file!.name, layer: byType[0]! }];
  }
  const titled = layers.filter((layer) => layer.title !== null);
  const files = titled.map((layer) => ({ name: layer.title!, bytes: layer.bytes, sha256: layer.digest }));
  return chooseFiles(files, null, where).map((file) => ({
    name: file.name.split('/').at(-1)!,
    layer: titled.find((layer) => layer.title === file.name)!,
  }));
}
