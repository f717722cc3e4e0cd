// Puts images into the cluster's registry, made only where the registry lacks their tag.
import { buildah } from './buildah.mjs';
import { nodeIp } from './network.mjs';
import { serviceImages } from './service-images.mjs';
import { REGISTRY } from './settings.mjs';
import { testImages } from './test-images.mjs';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** Bytes that a node fetches for an image, or undefined where the registry does not have it. */
async function compressedBytes(name, tag) {
  const url = `http://${nodeIp()}:5000/v2/${name}/manifests/${tag}`;
  const response = await fetch(url, { headers: { accept: MANIFEST }, signal: AbortSignal.timeout(10_000) });
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const { layers } = await response.json();
  return layers.reduce((sum, { size }) => sum + size, 0);
}

function push(local, name, tag) {
  const target = `docker://${nodeIp()}:5000/${name}:${tag}`;
  buildah(['push', '--quiet', '--format=oci', '--tls-verify=false', local, target], { timeoutMs: 300_000 });
}

/**
 * Loads the services' images, with `test` also what tests need besides them. Returns the registry's name in the cluster
 * and each image's name, tag and compressed size.
 */
export async function load({ test = false } = {}) {
  const images = [];
  for (const { name, tag, make } of [...serviceImages(), ...(test ? await testImages() : [])]) {
    if ((await compressedBytes(name, tag)) === undefined) push(make(), name, tag);
    images.push({ name, tag, compressedBytes: await compressedBytes(name, tag) });
  }
  return { registry: REGISTRY, images };
}
