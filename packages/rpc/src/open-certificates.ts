import { CertificateFiles, type CertificatePaths } from './certificate-files';
import type { ServerTls } from './credentials';

interface CertificateLog {
  error(fields: object, message: string): void;
}

/** The certificates of a service; a renewal that cannot be used is logged. Throws a CertificateError. */
export function openCertificates(files: CertificatePaths, logger: CertificateLog): Promise<CertificateFiles> {
  return CertificateFiles.open(files, {
    onRefused: ({ message }) =>
      logger.error({ reason: message }, 'new certificates not taken, the old ones stay'),
  });
}

/** What a server shows and asks of its clients; undefined, where there are no files, to speak in the clear. */
export async function openServerTls(
  files: CertificatePaths | undefined,
  clients: ServerTls['clients'],
  logger: CertificateLog,
): Promise<ServerTls | undefined> {
  return files && { certificates: await openCertificates(files, logger), clients };
}
