import { imageOf, readTarget } from './target';

const target = readTarget();
const describeLocal = target.local ? describe : describe.skip;

// Only the local registry speaks plain HTTP without a login.
describeLocal.each(['gateway', 'thinker', 'talker', 'delta-store', 'operator', 'expert-router', 'expert'])(
  'the configuration of the image of %s',
  (service) => {
    it('names a numeric user, no shell and where it comes from', async () => {
      const { tag } = imageOf(target, `zen/${service}`);
      const read = async (path: string) => {
        const accept = 'application/vnd.oci.image.manifest.v1+json';
        const url = `http://${target.registryAddress}/v2/zen/${service}/${path}`;
        const response = await fetch(url, { headers: { accept }, signal: AbortSignal.timeout(30_000) });
        expect(response.status).toBe(200);
        // biome-ignore lint/suspicious/noExplicitAny: the manifest and the configuration of OCI.
        return (await response.json()) as any;
      };
      const manifest = await read(`manifests/${tag}`);
      const { config } = await read(`blobs/${manifest.config.digest}`);
      expect(config.User).toBe('65532:65532');
      expect(config.Entrypoint).toEqual(['/nodejs/bin/node', '/app/dist/main.js']);
      expect(config.Labels).toMatchObject({
        'org.opencontainers.image.title': `zen-${service}`,
        'org.opencontainers.image.version': expect.stringMatching(/^\d+\.\d+\.\d+/),
        'org.opencontainers.image.revision': expect.stringMatching(/^[0-9a-f]{40}$/),
        'org.opencontainers.image.licenses': 'LicenseRef-Proprietary',
        'org.opencontainers.image.source': expect.any(String),
      });
    });
  },
);
