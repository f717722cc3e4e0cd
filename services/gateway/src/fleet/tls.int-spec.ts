import { readConfig } from '@zen/config';
import { CertificateFiles, type ServerTls } from '@zen/rpc';
import { createLogger } from '@zen/telemetry';
import { CertificateAuthority } from '@zen/testing';
import { settings } from '../config';
import { startGateway } from '../gateway';
import { chatOf, openGateway, PacedThinker } from '../gateway.fixture';

describe('a gateway before thinkers with certificates', () => {
  const authority = new CertificateAuthority();
  const NAME = 'thinker.zen.svc';
  let tls: ServerTls;

  beforeAll(async () => {
    const files = { ...authority.issue(NAME), ca: authority.ca };
    const certificates = await CertificateFiles.open(files, { onRefused: () => undefined });
    tls = { certificates, clients: 'require' };
  });
  afterAll(() => {
    tls.certificates.close();
    authority.remove();
  });

  test('shows its own, knows theirs, and answers', async () => {
    const { cert, key } = authority.issue('gateway.zen.svc');
    const env = {
      ZEN_TLS_CERT: cert,
      ZEN_TLS_KEY: key,
      ZEN_TLS_CA: authority.ca,
      ZEN_TLS_SERVER_NAME: NAME,
    };
    const running = await openGateway([new PacedThinker({ tls })], env);
    const answer = await running.openai.chat.completions.create(chatOf('hello', { max_tokens: 2 }));
    expect(answer.choices[0]?.message.content).toBe('w0 w1 ');
    await running.stop();
  });

  test.each([
    [{ ZEN_TLS_CERT: 'a.crt' }, 'ZEN_TLS_KEY: needed where ZEN_TLS_CERT is set'],
    [{ ZEN_TLS_KEY: 'a.key' }, 'ZEN_TLS_CERT: needed where ZEN_TLS_KEY is set'],
    [{ ZEN_TLS_CERT: 'a.crt', ZEN_TLS_KEY: 'a.key' }, 'ZEN_TLS_CA: needed where ZEN_TLS_CERT is set'],
    [{ ZEN_TLS_CA: '/nowhere/ca.crt' }, '/nowhere/ca.crt: ENOENT'],
  ])('%j does not start', async (env, message) => {
    const listen = { ZEN_LISTEN: '127.0.0.1:0', ZEN_GRPC_LISTEN: '127.0.0.1:0' };
    const config = readConfig(settings, { ...listen, ...env });
    await expect(startGateway(config, createLogger('gateway', 'silent'))).rejects.toThrow(message);
  });
});
