import pino, { type DestinationStream, type Logger } from 'pino';

export type { Logger };

/** Keys whose values never reach a log, at the top or one level down. */
const SECRET = ['authorization', 'key', 'apiKey', 'token', 'prompt', 'messages', 'content', 'text'];

/**
 * JSON lines on stdout: time, level, service, message. Credentials and prompt text are redacted by key, so that a
 * careless caller cannot leak them.
 */
export function createLogger(service: string, level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
  };
  return destination ? pino(options, destination) : pino(options);
}
