import { Busboy } from '@fastify/busboy';
import type { FastifyRequest } from 'fastify';
import { GatewayError } from '../gateway-error';

export interface FormLimits {
  /** Of the file. */
  maxFileBytes: number;
  fields: number;
  fieldBytes: number;
}

export interface Form {
  /** In the order in which they came; a name may come several times. */
  fields: [name: string, value: string][];
  /** The part called `file`. */
  file: Buffer;
}

/**
 * A form with one file, read as it comes. It is kept until its last part is there: clients send the file first, and what
 * is wanted of it after it. `keep` is told how many bytes that takes, and may throw.
 * @throws GatewayError unsupported_media_type, invalid_request, body_too_large
 */
export async function readForm(
  request: FastifyRequest,
  body: AsyncIterable<Buffer>,
  { maxFileBytes, fields: maxFields, fieldBytes }: FormLimits,
  keep: (bytes: number) => void,
): Promise<Form> {
  const parser = openParser(request, { fileSize: maxFileBytes, fields: maxFields, fieldSize: fieldBytes });
  const fields: Form['fields'] = [];
  const pieces: Buffer[] = [];
  let files = 0;
  let wrong: GatewayError | undefined;
  const refuse = (error: GatewayError) => {
    wrong ??= error;
  };
  parser.on('field', (name: string, value: string, _nameCut: boolean, cut: boolean) => {
    if (cut) refuse(invalid(name.slice(0, 64), `more than ${fieldBytes} bytes`));
    fields.push([name, value]);
  });
  parser.on('file', (name: string, stream: NodeJS.ReadableStream & { truncated?: boolean }) => {
    if (name !== 'file' || files++ > 0) {
      refuse(invalid(name.slice(0, 64), 'one file is expected, called "file"'));
      stream.resume();
      return;
    }
    stream.on('data', (piece: Buffer) => {
      try {
        keep(piece.length);
        pieces.push(piece);
      } catch (error) {
        refuse(GatewayError.from(error));
      }
    });
    stream.on('limit', () =>
      refuse(new GatewayError('body_too_large', `file: at most ${maxFileBytes} bytes`, { param: 'file' })),
    );
  });
  parser.on('fieldsLimit', () => refuse(invalid('form', `at most ${maxFields} fields`)));
  parser.on('filesLimit', () => refuse(invalid('file', 'one at most')));
  const finished = new Promise<void>((resolve, reject) => {
    parser.once('finish', resolve);
    parser.once('error', (error: Error) => reject(invalid('form', error.message)));
  });
  finished.catch(() => {});
  for await (const piece of body) {
    parser.write(piece);
    if (wrong) throw wrong;
  }
  parser.end();
  await finished;
  if (wrong) throw wrong;
  if (files === 0) throw invalid('file', 'missing');
  return { fields, file: Buffer.concat(pieces) };
}

function openParser({ headers }: FastifyRequest, limits: object): InstanceType<typeof Busboy> {
  const type = headers['content-type'] ?? '';
  if (/^multipart\/form-data\s*;/i.test(type)) {
    try {
      return new Busboy({
        headers: { 'content-type': type },
        limits: { ...limits, files: 1, parts: 64, headerPairs: 32 },
      });
    } catch {
      // Without a boundary; said below.
    }
  }
  throw new GatewayError(
    'unsupported_media_type',
    'a form is needed, with content-type: multipart/form-data',
    {
      param: 'content-type',
    },
  );
}

function invalid(param: string, problem: string): GatewayError {
  return new GatewayError('invalid_request', `${param}: ${problem}`, { param });
}
