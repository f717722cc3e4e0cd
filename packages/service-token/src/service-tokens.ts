import { JsonWebTokenError, sign, TokenExpiredError, verify } from 'jsonwebtoken';
import { z } from 'zod';
import { MIN_KEY_BYTES } from './read-service-key';
import { ServiceTokenError } from './service-token-error';

/** What a token allows. */
export interface Grant {
  /**
   * Whose deltas: 1 to 64 letters, digits, dots, dashes and underscores, as in a key file of the gateway. Null: not
   * bound to a tenant, for what a replica or an operator does for all.
   */
  tenant: string | null;
  /** `read` resolves and fetches; `write` also changes; `operate` leases and collects garbage, and reads no delta. */
  may: 'read' | 'write' | 'operate';
  /** This delta alone, as `sha256:` and 64 hex digits; null: any of the tenant's. */
  digest: string | null;
}

/** One algorithm: a token cannot choose a weaker one. */
const ALGORITHM = 'HS256';
const ISSUER = 'zen';
const AUDIENCE = 'zen.delta';
/** Clocks of nodes differ a little, seconds. */
const CLOCK_TOLERANCE = 5;
const MAX_SECONDS = 24 * 3600;
/** Characters; ours have at most about 400. */
const MAX_TOKEN = 4096;

const grant = z.object({
  tenant: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .nullable(),
  may: z.enum(['read', 'write', 'operate']),
  digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .nullable(),
});

/** Tokens that services give each other, signed with the one key that they share. */
export class ServiceTokens {
  /** `key` has at least 32 bytes; `nowMs` is the clock, milliseconds since the epoch. */
  constructor(
    private readonly key: Buffer,
    private readonly nowMs: () => number = Date.now,
  ) {
    if (key.length < MIN_KEY_BYTES) {
      throw new ServiceTokenError('bad-key', `service key: ${key.length} bytes, at least ${MIN_KEY_BYTES}`);
    }
  }

  /** A token that is good for `seconds`, 1 to 86,400. Throws a ServiceTokenError for a grant outside its limits. */
  mint(wanted: Grant, seconds: number): string {
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_SECONDS) {
      throw new ServiceTokenError('invalid', `seconds: ${seconds} is not within 1 to ${MAX_SECONDS}`);
    }
    const iat = this.now();
    const options = { algorithm: ALGORITHM, issuer: ISSUER, audience: AUDIENCE } as const;
    return sign({ ...checked(wanted), iat, exp: iat + seconds }, this.key, options);
  }

  /** What a token allows; throws a ServiceTokenError. */
  verify(token: string): Grant {
    if (token.length > MAX_TOKEN) {
      throw new ServiceTokenError('invalid', `token: ${token.length} characters, at most ${MAX_TOKEN}`);
    }
    try {
      const claims = verify(token, this.key, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: AUDIENCE,
        clockTimestamp: this.now(),
        clockTolerance: CLOCK_TOLERANCE,
      });
      // The library takes a token without an end; we do not.
      if (typeof claims === 'string' || claims.exp === undefined) {
        throw new ServiceTokenError('invalid', 'token: it has no end');
      }
      return checked(claims);
    } catch (cause) {
      if (cause instanceof ServiceTokenError) throw cause;
      if (cause instanceof TokenExpiredError) {
        throw new ServiceTokenError('expired', 'token: expired', { cause });
      }
      // A header or body that is not JSON makes the library throw the parser's own error, which quotes it.
      const why = cause instanceof JsonWebTokenError ? cause.message : 'cannot be read';
      throw new ServiceTokenError('invalid', `token: ${why}`, { cause });
    }
  }

  private now(): number {
    return Math.floor(this.nowMs() / 1000);
  }
}

function checked(claims: unknown): Grant {
  const parsed = grant.safeParse(claims);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new ServiceTokenError('invalid', `token: ${path.join('.')}: ${message}`);
}
