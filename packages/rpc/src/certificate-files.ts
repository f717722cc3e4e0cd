import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { experimental } from '@grpc/grpc-js';

/** PEM files; `cert` and `key` come together, `ca` is whom the other side has to be signed by. */
export interface CertificatePaths {
  cert?: string | undefined;
  key?: string | undefined;
  ca?: string | undefined;
}

export interface CertificateOptions {
  /** How often the files are looked at, milliseconds; a minute unless a test is in a hurry. */
  refreshMs?: number;
  /** The files have changed and cannot be used: the old certificates stay. */
  onRefused(error: CertificateError): void;
}

/** Certificate files that cannot be used. The message names the file, never what is in it. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

interface Certificates {
  identity: experimental.IdentityCertificateUpdate | null;
  ca: experimental.CaCertificateUpdate | null;
}

const REFRESH_MS = 60_000;

/**
 * The certificates of a service, read again as they are renewed. Whoever renews them may be seen half-way, with a
 * key that does not fit its certificate; grpc-js's own file watcher would take that for good, so each set is tried
 * before it is used.
 */
export class CertificateFiles implements experimental.CertificateProvider {
  private readonly timer: NodeJS.Timeout;
  private readonly caListeners = new Set<experimental.CaCertificateUpdateListener>();
  private readonly identityListeners = new Set<experimental.IdentityCertificateUpdateListener>();

  private constructor(
    private readonly paths: CertificatePaths,
    private current: Certificates,
    options: CertificateOptions,
  ) {
    const refresh = () => void this.refresh(options);
    this.timer = setInterval(refresh, options.refreshMs ?? REFRESH_MS).unref();
  }

  /** Reads the files once; throws a CertificateError where they cannot be used. */
  static async open(paths: CertificatePaths, options: CertificateOptions): Promise<CertificateFiles> {
    return new CertificateFiles(paths, await read(paths), options);
  }

  close(): void {
    clearInterval(this.timer);
  }

  addCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.caListeners.add(listener);
    process.nextTick(() => listener(this.current.ca));
  }

  removeCaCertificateListener(listener: experimental.CaCertificateUpdateListener): void {
    this.caListeners.delete(listener);
  }

  addIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.identityListeners.add(listener);
    process.nextTick(() => listener(this.current.identity));
  }

  removeIdentityCertificateListener(listener: experimental.IdentityCertificateUpdateListener): void {
    this.identityListeners.delete(listener);
  }

  get hasIdentity(): boolean {
    return this.current.identity !== null;
  }

  private async refresh({ onRefused }: CertificateOptions): Promise<void> {
    try {
      const next = await read(this.paths);
      if (isSame(next, this.current)) return;
      this.current = next;
    } catch (error) {
      onRefused(error as CertificateError);
      return;
    }
    for (const listener of this.caListeners) listener(this.current.ca);
    for (const listener of this.identityListeners) listener(this.current.identity);
  }
}

async function read({ cert, key, ca }: CertificatePaths): Promise<Certificates> {
  const [certificate, privateKey, caCertificate] = await Promise.all([cert, key, ca].map(readPem));
  try {
    createSecureContext({ cert: certificate, key: privateKey, ca: caCertificate });
  } catch (error) {
    const names = [cert, key, ca].filter((name) => name !== undefined).join(', ');
    throw new CertificateError(`${names}: ${(error as Error).message}`);
  }
  return {
    identity: certificate && privateKey ? { certificate, privateKey } : null,
    ca: caCertificate ? { caCertificate } : null,
  };
}

async function readPem(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  let pem: Buffer;
  try {
    pem = await readFile(path);
  } catch (error) {
    throw new CertificateError(`${path}: ${(error as NodeJS.ErrnoException).code ?? 'cannot be read'}`);
  }
  // OpenSSL takes a file without any certificate for an empty list, and then trusts nobody without a word.
  if (!pem.includes('-----BEGIN ')) throw new CertificateError(`${path}: not a PEM file`);
  return pem;
}

function isSame(a: Certificates, b: Certificates): boolean {
  const bytes = ({ identity, ca }: Certificates) =>
    Buffer.concat([
      identity?.certificate ?? Buffer.of(),
      identity?.privateKey ?? Buffer.of(),
      ca?.caCertificate ?? Buffer.of(),
    ]);
  return bytes(a).equals(bytes(b));
}
