import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** An authority of its own folder that issues certificates through openssl, as cert-manager would. */
export class CertificateAuthority {
  private readonly folder = mkdtempSync(join(tmpdir(), 'zen-ca-'));
  private serial = 0;

  constructor() {
    const files = ['-keyout', this.path('ca.key'), '-out', this.ca];
    this.openssl(['req', '-x509', ...KEY, ...files, '-days', '2', '-subj', '/CN=zen test authority']);
  }

  /** Its certificate. */
  get ca(): string {
    return this.path('ca.crt');
  }

  /** Files of a new certificate for a DNS name. */
  issue(name: string): { cert: string; key: string } {
    const files = `${name}-${++this.serial}`;
    const [cert, key, request, names] = ['crt', 'key', 'csr', 'cnf'].map((end) =>
      this.path(`${files}.${end}`),
    );
    if (!cert || !key || !request || !names) throw new Error('unreachable');
    this.openssl(['req', ...KEY, '-keyout', key, '-out', request, '-subj', `/CN=${name}`]);
    writeFileSync(names, `subjectAltName=DNS:${name}\n`);
    const by = ['-CA', this.ca, '-CAkey', this.path('ca.key'), '-set_serial', String(this.serial)];
    this.openssl(['x509', '-req', '-in', request, ...by, '-days', '2', '-extfile', names, '-out', cert]);
    return { cert, key };
  }

  path(file: string): string {
    return join(this.folder, file);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  private openssl(args: string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}
