import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpertFloor, ThinkerServiceDefinition } from '@zen/contracts';
import { CertificateFiles, client } from '@zen/rpc';
import {
  CertificateAuthority,
  endServices,
  packTinyMixture,
  serviceMissing,
  startService,
} from '@zen/testing';

jest.setTimeout(120_000);

const missing = serviceMissing('thinker', 'expert', 'expert-router');
if (missing) console.warn(`skipped: ${missing}`);

/** Of certificates alone: everything is dialled at 127.0.0.1. */
const [THINKER, ROUTER, POD] = ['one-zen-thinker', 'one-zen-expert-router', 'one-zen-expert'];

(missing ? describe.skip : describe)(
  'experts in pods, with certificates that all demand of each other',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'zen-experts-tls-'));
    const authority = new CertificateAuthority();
    afterAll(() => {
      endServices();
      authority.remove();
      rmSync(folder, { recursive: true, force: true });
    });

    const startAs = (service: string, name: string, env: Record<string, string>) => {
      const { cert, key } = authority.issue(name);
      const tls = {
        ZEN_TLS_CERT: cert,
        ZEN_TLS_KEY: key,
        ZEN_TLS_CA: authority.ca,
        ZEN_TLS_CLIENTS: 'require',
      };
      return startService(service, { ...tls, ZEN_LADDER: folder, ZEN_THREADS: '1', ...env });
    };

    test('a thinker knows router and pods by the names that it is told, and by no others', async () => {
      await packTinyMixture(folder);
      const pod = await startAs('expert', POD, { ZEN_EXPERTS_PER_LAYER: '4' });
      const router = await startAs('expert-router', ROUTER, {
        ZEN_EXPERT_PODS: pod.address,
        ZEN_TLS_SERVER_NAME: POD,
      });
      const follows = { ZEN_EXPERT_ROUTER: router.address, ZEN_EXPERT_TIMEOUT: '60s' };
      const [thinker, misled] = await Promise.all([
        startAs('thinker', THINKER, {
          ...follows,
          ZEN_EXPERT_ROUTER_SERVER_NAME: ROUTER,
          ZEN_EXPERT_SERVER_NAME: POD,
        }),
        startAs('thinker', THINKER, { ...follows, ZEN_EXPERT_ROUTER_SERVER_NAME: POD }),
      ]);
      let log = '';
      const refused = new Promise<void>((resolve) => {
        misled.child.stdout?.on('data', (chunk) => {
          log += chunk;
          if (/not in the cert's altnames.*the expert-router is away/.test(log)) resolve();
        });
      });

      const own = { ...authority.issue('gateway'), ca: authority.ca };
      const certificates = await CertificateFiles.open(own, { onRefused: () => undefined });
      const rpc = client(ThinkerServiceDefinition, thinker.address, {
        tls: { certificates, serverName: THINKER },
      });
      for (;;) {
        const { experts, stages } = await rpc.describe({});
        if (experts?.remote === 8 && stages.every(({ attached }) => attached)) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      let tokens = 0;
      for await (const { event } of rpc.generate({
        prompt: { $case: 'tokens', value: { tokenIds: [3, 20, 37, 54] } },
        sampling: { temperature: 0, ignoreEos: true },
        maxTokens: 8,
        stage: 4,
        expertFloor: ExpertFloor.EXPERT_FLOOR_EXACT,
      })) {
        if (event?.$case === 'piece') tokens += event.value.tokenIds.length;
      }
      expect(tokens).toBe(8);
      expect((await rpc.describe({})).experts?.remotePairs).toBeGreaterThan(0n);
      rpc.close();
      certificates.close();
      await refused;
    });
  },
);
