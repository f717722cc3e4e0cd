import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '../gateway-error';

export interface SecretClaims {
  /** Of the key that asked for it. */
  keyId: string;
  /** Seconds since 1970. */
  expiresS: number;
  /** The session that it opens, as `session.update` has it; null where its holder says. */
  session: object | null;
}

const PREFIX = 'ek_';
const MAC_BYTES = 16;
/** It travels in a header, beside others. */
const MOST_CHARACTERS = 6000;

/**
 * Short-lived secrets for browsers: whoever holds one may open sessions as the key that asked for it, until it expires.
 * They hold what they allow and are signed, so that every gateway with the same key (ZEN_RESUME_KEY) takes them.
 */
export class ClientSecrets {
  private readonly key: Buffer;

  constructor(
    secret: string | undefined,
    /** Milliseconds since 1970. */
    private readonly wallClock: () => number,
  ) {
    this.key = createHash('sha256')
      .update('zen realtime client secret\0')
      .update(secret ?? randomBytes(32))
      .digest();
  }

  issue(claims: SecretClaims): string {
    const { keyId, expiresS, session } = claims;
    const salt = randomBytes(9).toString('base64url');
    const body = Buffer.from(JSON.stringify({ k: keyId, e: expiresS, s: session, n: salt })).toString(
      'base64url',
    );
    const value = `${PREFIX}${body}.${this.mac(body).toString('base64url')}`;
    if (value.length <= MOST_CHARACTERS) return value;
    const message = `session: the secret would have ${value.length} characters, at most ${MOST_CHARACTERS}; send long instructions by session.update`;
    throw new GatewayError('invalid_request', message, { param: 'session' });
  }

  /** Null for what is no secret at all; throws for one that is not good. */
  read(token: string): SecretClaims | null {
    if (!token.startsWith(PREFIX)) return null;
    const [body = '', mac = ''] = token.slice(PREFIX.length).split('.');
    const given = Buffer.from(mac, 'base64url');
    const bad = () => new GatewayError('invalid_api_key', 'the client secret is not one of this gateway');
    if (token.length > MOST_CHARACTERS || given.length !== MAC_BYTES) throw bad();
    if (!timingSafeEqual(given, this.mac(body))) throw bad();
    const { k, e, s } = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
    if (e * 1000 < this.wallClock())
      throw new GatewayError('invalid_api_key', 'the client secret has expired');
    return { keyId: k, expiresS: e, session: s };
  }

  private mac(body: string): Buffer {
    return createHmac('sha256', this.key).update(body).digest().subarray(0, MAC_BYTES);
  }
}
