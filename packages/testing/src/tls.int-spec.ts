import { copyFileSync, writeFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { descriptorSetPath, ThinkerServiceDefinition } from '@zen/contracts';
import {
  CertificateError,
  CertificateFiles,
  type ClientTls,
  client,
  RpcServer,
  type ServerTls,
} from '@zen/rpc';
import { CertificateAuthority } from './certificate-authority';
import { healthClient } from './health-client';
import { PacedThinker } from './paced-thinker';

describe('TLS between services', () => {
  const authority = new CertificateAuthority();
  const stranger = new CertificateAuthority();
  const refused: CertificateError[] = [];
  const closing: { close(): void }[] = [];
  const stopping: RpcServer[] = [];

  afterEach(async () => {
    for (const one of closing.splice(0)) one.close();
    for (const server of stopping.splice(0)) await server.stop(1000);
  });
  afterAll(() => {
    authority.remove();
    stranger.remove();
  });

  const open = async (paths: Parameters<typeof CertificateFiles.open>[0]) => {
    const onRefused = (error: CertificateError) => refused.push(error);
    const files = await CertificateFiles.open(paths, { refreshMs: 20, onRefused });
    closing.push(files);
    return files;
  };
  const serve = async (tls: ServerTls, healthListen?: string) => {
    const server = await RpcServer.start([new PacedThinker({ model: 'tiny' })], {
      listen: '127.0.0.1:0',
      maxMessageBytes: 1 << 20,
      maxConcurrentStreams: 10,
      descriptorSetPath,
      translate: () => undefined,
      onError: () => undefined,
      tls,
      healthListen,
    });
    stopping.push(server);
    return server;
  };
  const ask = async (address: string, tls?: ClientTls) => {
    const own = client(ThinkerServiceDefinition, address, { tls });
    closing.push(own);
    return (await own.describe({}, { timeoutMs: 5000 })).model;
  };
  const name = 'thinker.zen.svc';

  test('a client that knows the authority is answered, by the name in the certificate', async () => {
    const certificates = await open(authority.issue(name));
    const { address } = await serve({ certificates, clients: 'off' });
    const ca = await open({ ca: authority.ca });
    expect(await ask(address, { certificates: ca, serverName: name })).toBe('tiny');
    // The address that it dialled stands in no certificate.
    const unavailable = { code: 'UNAVAILABLE' };
    await expect(ask(address, { certificates: ca })).rejects.toMatchObject(unavailable);
    const other = await open({ ca: stranger.ca });
    await expect(ask(address, { certificates: other, serverName: name })).rejects.toMatchObject(unavailable);
    await expect(ask(address)).rejects.toMatchObject(unavailable);
  });

  test('where clients need a certificate, only those of the authority get in', async () => {
    const certificates = await open({ ...authority.issue(name), ca: authority.ca });
    const { address } = await serve({ certificates, clients: 'require' });
    const gateway = await open({ ...authority.issue('gateway.zen.svc'), ca: authority.ca });
    expect(await ask(address, { certificates: gateway, serverName: name })).toBe('tiny');
    const without = await open({ ca: authority.ca });
    const forged = await open({ ...stranger.issue('gateway.zen.svc'), ca: authority.ca });
    for (const one of [without, forged]) {
      const call = ask(address, { certificates: one, serverName: name });
      await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
  });

  test('a renewed certificate is shown without a restart; one without its key is not taken', async () => {
    const paths = { cert: authority.path('live.crt'), key: authority.path('live.key') };
    const renew = (next: { cert: string; key: string }) => {
      copyFileSync(next.cert, paths.cert);
      copyFileSync(next.key, paths.key);
    };
    renew(authority.issue(name));
    const { address } = await serve({ certificates: await open(paths), clients: 'off' });
    const first = await serialOf(address);
    refused.length = 0;
    writeFileSync(paths.key, 'half-way');
    while (refused.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(refused[0]?.message).toBe(`${paths.key}: not a PEM file`);
    expect(await serialOf(address)).toBe(first);
    copyFileSync(authority.issue('other').key, paths.key);
    while (!refused.at(-1)?.message.startsWith(paths.cert))
      await new Promise((resolve) => setTimeout(resolve, 5));
    renew(authority.issue(name));
    while ((await serialOf(address)) === first) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  test.each([
    ['a file that is not there', { ca: '/nowhere/ca.crt' }, '/nowhere/ca.crt: ENOENT'],
    ['a file of something else', { ca: __filename }, `${__filename}: not a PEM file`],
  ])('%s stops the start by name', async (_, paths, message) => {
    const opening = CertificateFiles.open(paths, { onRefused: () => undefined });
    await expect(opening).rejects.toThrow(new CertificateError(message));
  });

  test('probes ask for health without TLS, and for nothing else', async () => {
    const certificates = await open({ ...authority.issue(name), ca: authority.ca });
    const server = await serve({ certificates, clients: 'require' }, '127.0.0.1:0');
    const address = server.healthAddress ?? '';
    const probe = healthClient(address, credentials.createInsecure());
    closing.push(probe);
    expect(await probe.status('')).toBe('NOT_SERVING');
    server.setServing(true);
    expect(await probe.status('zen.v1.ThinkerService')).toBe('SERVING');
    await expect(ask(address)).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
  });
});

/** The serial number of the certificate that a new connection is shown. */
function serialOf(address: string): Promise<string> {
  const [host, port] = address.split(':');
  return new Promise((resolve, reject) => {
    const socket = connectTls(
      { host, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ['h2'] },
      () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      },
    );
    socket.once('error', reject);
  });
}
