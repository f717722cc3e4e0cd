import { readFileSync } from 'node:fs';
import { CertificateAuthority } from '@zen/testing';
import type { Kube } from './kube';

/** Who speaks TLS in a release with an operator: the value under `tls.secrets`, and the name's end in its certificate. */
const SERVICES = [
  ['gateway', 'gateway'],
  ['thinker', 'thinker'],
  ['expert', 'expert'],
  ['expertRouter', 'expert-router'],
] as const;

/**
 * A Secret with a certificate for each service of a release, all by one new authority. Resolves with the values
 * that make the services demand them of each other.
 */
export async function mutualTls(kube: Kube, release: string): Promise<Record<string, unknown>> {
  const authority = new CertificateAuthority();
  try {
    const secrets: Record<string, string> = {};
    for (const [value, component] of SERVICES) {
      // As the chart names things of a release whose name has the chart's in it.
      const { cert, key } = authority.issue(`${release}-${component}`);
      const name = `${component}-certificate`;
      await kube.apply({
        apiVersion: 'v1',
        kind: 'Secret',
        type: 'kubernetes.io/tls',
        metadata: { name },
        stringData: {
          'tls.crt': readFileSync(cert, 'utf8'),
          'tls.key': readFileSync(key, 'utf8'),
          'ca.crt': readFileSync(authority.ca, 'utf8'),
        },
      });
      secrets[value] = name;
    }
    return { tls: { mode: 'secret', mutual: true, secrets } };
  } finally {
    authority.remove();
  }
}
