import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { TalkerServiceDefinition } from '@zen/contracts';
import { CertificateFiles, client } from '@zen/rpc';
import { CertificateAuthority, endServices, healthClient, serviceMissing, startService } from '@zen/testing';

jest.setTimeout(60_000);

const missing = serviceMissing('talker');
if (missing) console.warn(`skipped: ${missing}`);

const run = (argv: string[], env: Record<string, string> = {}) =>
  spawnSync(process.execPath, [join(__dirname, '..', 'dist', 'main.js'), ...argv], {
    env: { ...process.env, ZEN_LISTEN: '127.0.0.1:0', ...env },
    encoding: 'utf8',
  });

(missing ? describe.skip : describe)('a talker in a process of its own', () => {
  afterAll(() => endServices());

  test('--help says its settings; a bad one stops it by name', () => {
    const { stdout } = run(['--help']);
    for (const name of ['ZEN_TALKER_VOICES', 'ZEN_TALKER_OMNI', 'ZEN_TALKER_VOICE'])
      expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    const bad = run([], { ZEN_TALKER_THREADS: '0', ZEN_TALKER_LEAD: '1ms' });
    expect([bad.status, bad.stderr]).toEqual([
      2,
      expect.stringMatching(/ZEN_TALKER_THREADS: .*\nZEN_TALKER_LEAD: /),
    ]);
    const unknown = run([], { ZEN_TALKER_VOICES: 'heart,nobody' });
    expect([unknown.status, unknown.stderr]).toEqual([
      2,
      'ZEN_TALKER_VOICES: nobody is not one of heart, joe\n',
    ]);
    const other = run([], { ZEN_TALKER_VOICE: 'joe' });
    expect([other.status, other.stderr]).toEqual([2, 'ZEN_TALKER_VOICE: joe is not among the voices\n']);
  });

  test('answers who shows a certificate, and nobody else; probes hear of health alone; SIGTERM ends it', async () => {
    const authority = new CertificateAuthority();
    const { cert, key } = authority.issue('talker.zen.svc');
    const talker = await startService('talker', {
      ZEN_TLS_CERT: cert,
      ZEN_TLS_KEY: key,
      ZEN_TLS_CA: authority.ca,
      ZEN_TLS_CLIENTS: 'require',
      ZEN_HEALTH_LISTEN: '127.0.0.1:0',
      ZEN_TALKER_EARS: 'none',
      ZEN_TALKER_THREADS: '1',
    });
    const own = { ...authority.issue('gateway.zen.svc'), ca: authority.ca };
    const certificates = await CertificateFiles.open(own, { onRefused: () => undefined });
    const tls = { certificates, serverName: 'talker.zen.svc' };
    const gateway = client(TalkerServiceDefinition, talker.address, { tls });
    expect(await gateway.describeTalker({})).toMatchObject({ defaultVoice: 'heart', transcriber: '' });
    const stranger = client(TalkerServiceDefinition, talker.address);
    await expect(stranger.describeTalker({}, { timeoutMs: 5000 })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    const probe = healthClient(talker.healthAddress);
    expect(await probe.status('live')).toBe('SERVING');
    for (const one of [gateway, stranger, probe, certificates]) one.close();
    // Whether or not its voice is there by now.
    expect(await talker.end('SIGTERM')).toBe(0);
    authority.remove();
  });
});
