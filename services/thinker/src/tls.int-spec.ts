import { credentials } from '@grpc/grpc-js';
import { ThinkerServiceDefinition } from '@zen/contracts';
import { CertificateFiles, client } from '@zen/rpc';
import { CertificateAuthority, endServices, healthClient } from '@zen/testing';
import { builtThinker, runThinker, startProcess } from './thinker-process.fixture';

jest.setTimeout(60_000);

const built = builtThinker();
if ('missing' in built) console.warn(`skipped: ${built.missing}`);

('missing' in built ? describe.skip : describe)('a thinker with certificates', () => {
  const folder = 'folder' in built ? built.folder : '';
  const authority = new CertificateAuthority();
  const { cert, key } = authority.issue('thinker.zen.svc');

  afterAll(() => {
    endServices();
    authority.remove();
  });

  test('answers the gateway, nobody without a certificate, and probes about health alone', async () => {
    const thinker = await startProcess(folder, {
      ZEN_TLS_CERT: cert,
      ZEN_TLS_KEY: key,
      ZEN_TLS_CA: authority.ca,
      ZEN_TLS_CLIENTS: 'require',
      ZEN_HEALTH_LISTEN: '127.0.0.1:0',
    });
    const own = { ...authority.issue('gateway.zen.svc'), ca: authority.ca };
    const certificates = await CertificateFiles.open(own, { onRefused: () => undefined });
    const tls = { certificates, serverName: 'thinker.zen.svc' };
    const gateway = client(ThinkerServiceDefinition, thinker.address, { tls });
    expect((await gateway.describe({})).model).toMatch(/smollm2/i);
    await expect(thinker.client.describe({}, { timeoutMs: 5000 })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    const probe = healthClient(thinker.healthAddress, credentials.createInsecure());
    expect(await probe.status('')).toBe('SERVING');
    probe.close();
    gateway.close();
    certificates.close();
    expect(await thinker.stop()).toBe(0);
  });

  test.each([
    [{ ZEN_TLS_CA: authority.ca }, 'ZEN_TLS_CERT: needed where ZEN_TLS_CA is set'],
    [
      { ZEN_TLS_CERT: cert, ZEN_TLS_KEY: key, ZEN_TLS_CLIENTS: 'require' },
      'ZEN_TLS_CLIENTS: require needs ZEN_TLS_CERT, ZEN_TLS_KEY and ZEN_TLS_CA',
    ],
    [{ ZEN_TLS_CERT: cert, ZEN_TLS_KEY: authority.ca }, `${cert}, ${authority.ca}: `],
  ])('%# does not start', async (env, message) => {
    const { code, stderr } = await runThinker([], { ZEN_LADDER: folder, ZEN_LISTEN: '127.0.0.1:0', ...env });
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
