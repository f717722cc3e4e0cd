import { readConfig } from '@zen/config';
import { ExpertRouterServiceDefinition } from '@zen/contracts';
import { CertificateFiles, client } from '@zen/rpc';
import { createLogger } from '@zen/telemetry';
import { CertificateAuthority } from '@zen/testing';
import { settings } from './config';
import { startExpertRouter } from './expert-router';
import { PlacementWatcher } from './placement-watcher.fixture';
import { DIGEST, ProtocolPod } from './pods/protocol-pod.fixture';
import { EXPERTS, LAYERS, openRouter, whole } from './router.fixture';

jest.setTimeout(60_000);

describe('an expert-router with certificates', () => {
  const authority = new CertificateAuthority();
  const onRefused = () => undefined;
  const open: CertificateFiles[] = [];
  afterAll(() => {
    for (const certificates of open) certificates.close();
    authority.remove();
  });

  async function certificatesOf(name: string): Promise<CertificateFiles> {
    const files = await CertificateFiles.open({ ...authority.issue(name), ca: authority.ca }, { onRefused });
    open.push(files);
    return files;
  }

  test('shows its own to pods and thinkers, and speaks with nobody that has none', async () => {
    const shape = { name: 'a', layers: LAYERS, experts: EXPERTS, capacity: EXPERTS };
    const pod = await new ProtocolPod(shape, {
      certificates: await certificatesOf('pod.zen'),
      clients: 'require',
    }).start();
    const { cert, key } = authority.issue('router.zen');
    const router = await openRouter([pod], {
      ZEN_TLS_CERT: cert,
      ZEN_TLS_KEY: key,
      ZEN_TLS_CA: authority.ca,
      ZEN_TLS_CLIENTS: 'require',
      ZEN_TLS_SERVER_NAME: 'pod.zen',
    });
    const tls = { certificates: await certificatesOf('thinker.zen'), serverName: 'router.zen' };
    const thinker = client(ExpertRouterServiceDefinition, router.address, { tls });
    const watcher = new PlacementWatcher(thinker, DIGEST);
    await watcher.until(whole);
    await expect(router.rpc.describe({}, { timeoutMs: 20_000 })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    await watcher.stop();
    thinker.close();
    await router.stop();
    await pod.kill();
  });

  test.each([
    [{ ZEN_TLS_CERT: 'a.crt' }, 'ZEN_TLS_KEY: needed where ZEN_TLS_CERT is set'],
    [{ ZEN_TLS_CLIENTS: 'require' }, 'ZEN_TLS_CLIENTS: require needs'],
    [{ ZEN_EXPERT_PODS: 'kubernetes:///pods:grpc' }, 'KUBERNETES_SERVICE_HOST is not set'],
  ])('%j does not start', async (env, message) => {
    const config = readConfig(settings, { ZEN_EXPERT_PODS: 'a:1', ZEN_LISTEN: '127.0.0.1:0', ...env });
    const started = startExpertRouter(config, createLogger('expert-router', 'silent'));
    await expect(started).rejects.toThrow(message);
  });

  test.each([
    [{}, 'ZEN_EXPERT_PODS: must name the expert pods'],
    [
      { ZEN_EXPERT_PODS: 'nonsense' },
      'ZEN_EXPERT_PODS: must be host:port or kubernetes://NAMESPACE/SERVICE:PORT',
    ],
    [
      { ZEN_EXPERT_PODS: 'a:1', ZEN_EXPERT_REDUNDANCY: '0' },
      'ZEN_EXPERT_REDUNDANCY: must be a whole number, 1 to 16',
    ],
  ])('%j is no configuration', (env, message) => {
    expect(() => readConfig(settings, env)).toThrow(message);
  });
});
