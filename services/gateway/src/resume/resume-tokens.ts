import {
  createHash,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import { type ExpertFalls, ExpertFloor, GenerateRequest, ResumeState } from '@zen/contracts';
import type { AnswerRequest, ResumeWish } from '../answer/answer';
import type { AnswerRecord, ResumePoint } from '../answer/answer-record';
import { expertFloorOf } from '../answer/expert-floor';
import { GatewayError } from '../gateway-error';

/**
 * Token ids in a token at most: base64 of three bytes each stays below the 8 KiB of metadata that gRPC clients take.
 * Of a longer answer the others are computed again.
 */
export const MOST_TOKENS = 1536;
/** Longest token, characters. */
const MOST_CHARACTERS = 8192;
const LIFETIME_S = 3600;
const DIGEST_BYTES = 12;
const TENANT_BYTES = 8;
const MAC_BYTES = 16;

/** How one answer can be continued by whoever has read it up to its last event. */
export interface ResumeOffer {
  /**
   * A short token that fits every event: whoever takes it up computes the answer again and leaves out what the caller
   * has. Empty where that would not give the same answer; undefined while there is nothing to continue.
   */
  position(): string | undefined;
  /** A token with the answer's token ids: it is taken up as fast as a prompt is read. */
  handover(): string | undefined;
}

export interface ResumeTokensOptions {
  /** Whether tokens are given out and taken. */
  enabled: boolean;
  /** Shared by gateways that take each other's tokens; undefined: only this process takes its own. */
  key: string | undefined;
  /** Milliseconds since 1970. */
  wallClock: () => number;
}

const NO_OFFER: ResumeOffer = { position: () => undefined, handover: () => undefined };

/**
 * Resume tokens: `STATE.POSITION.HASH`, the state authenticated. Position and hash are not: whoever changes them gets
 * another part of an answer that is theirs, or an error.
 */
export class ResumeTokens {
  /** Prepared once: every answer's first piece waits for a token. */
  private readonly key: KeyObject;

  constructor(private readonly options: ResumeTokensOptions) {
    const secret = options.key ?? randomBytes(32);
    this.key = createSecretKey(createHash('sha256').update('zen resume token\0').update(secret).digest());
  }

  issue(request: AnswerRequest, model: string, record: AnswerRecord): ResumeOffer {
    if (!this.options.enabled) return NO_OFFER;
    let short: string | undefined;
    const state = (tokenIds: number[], textUnits: number, expertFalls: ExpertFalls | undefined) =>
      this.seal({
        ...bindingOf(request),
        expiresS: Math.floor(this.options.wallClock() / 1000) + LIFETIME_S,
        model: model === request.model ? '' : model,
        stage: record.stage ?? 0,
        seed: record.seed,
        tokenIds,
        textUnits,
        deltaDigest: digestBytes(request.delta?.digest ?? ''),
        expertFloor: expertFloorOf(request),
        expertFalls,
      });
    const suffix = () => `.${record.position}.${record.hash.toString(36)}`;
    const position = () => {
      if (record.position === 0) return undefined;
      if (record.mixed) return '';
      short ??= state([], 0, undefined);
      return short + suffix();
    };
    return {
      position,
      handover: () => {
        // Calls are read out of the text from its beginning on, which token ids alone do not give.
        if (request.toolUse) return position();
        if (record.position === 0) return undefined;
        const { tokens, textUnits, expertFalls } = record.cut;
        return state(record.tokens.slice(0, tokens), textUnits, expertFalls) + suffix();
      },
    };
  }

  /** Where a token takes an answer up; throws a GatewayError that names the field. */
  read({ token, field }: ResumeWish, request: Asking): ResumePoint {
    const refuse = (problem: string) =>
      new GatewayError('invalid_request', `${field}: ${problem}`, { param: field });
    if (!this.options.enabled) throw refuse('resume tokens are turned off here');
    if (token.length > MOST_CHARACTERS)
      throw refuse(`${token.length} characters, at most ${MOST_CHARACTERS}`);
    const match = /^([\w-]+)\.(\d{1,8})\.([0-9a-z]{1,7})$/.exec(token);
    const state = match && this.open(match[1] as string);
    if (!match || !state) {
      throw refuse(
        'not a token that this gateway takes; gateways that take each other’s share ZEN_RESUME_KEY',
      );
    }
    const binding = bindingOf(request);
    if (!state.tenantDigest.equals(binding.tenantDigest)) throw refuse('the token belongs to another tenant');
    if (!state.requestDigest.equals(binding.requestDigest))
      throw refuse('the token belongs to another request; repeat the one that it came with');
    if (state.expiresS * 1000 < this.options.wallClock()) throw refuse('the token has expired');
    const position = Number(match[2]);
    const { stage, seed, tokenIds: tokens, textUnits, expertFalls } = state;
    if (position < Math.max(1, tokens.length)) throw refuse('its position is before its tokens');
    const hash = Number.parseInt(match[3] as string, 36);
    const deltaDigest = digestText(state.deltaDigest);
    const model = state.model || request.model;
    // Of a gateway that knows more floors than this one: as the request says.
    const known = state.expertFloor !== ExpertFloor.UNRECOGNIZED && state.expertFloor in ExpertFloor;
    const expertFloor = known ? state.expertFloor : ExpertFloor.EXPERT_FLOOR_UNSPECIFIED;
    const fell = { expertFloor, expertFalls };
    return { model, stage, seed, deltaDigest, ...fell, tokens, textUnits, position, hash };
  }

  private seal(state: ResumeState): string {
    const bytes = ResumeState.encode(state).finish();
    return Buffer.concat([bytes, this.mac(bytes)]).toString('base64url');
  }

  private open(text: string): ResumeState | undefined {
    const all = Buffer.from(text, 'base64url');
    if (all.length <= MAC_BYTES) return undefined;
    const bytes = all.subarray(0, -MAC_BYTES);
    if (!timingSafeEqual(all.subarray(-MAC_BYTES), this.mac(bytes))) return undefined;
    return ResumeState.decode(bytes);
  }

  private mac(bytes: Uint8Array): Buffer {
    return createHmac('sha256', this.key).update(bytes).digest().subarray(0, MAC_BYTES);
  }
}

type Asking = Omit<AnswerRequest, 'delta'>;

/** What a token is good for: this request of this tenant. */
function bindingOf(request: Asking) {
  return {
    requestDigest: requestDigest(request),
    tenantDigest: createHash('sha256').update(request.tenant.name).digest().subarray(0, TENANT_BYTES),
  };
}

/** Of what is asked. */
export function requestDigest({ model, prompt, sampling, maxTokens, deltaWish }: Asking): Buffer {
  // The delta as the caller named it; what that stood for is in the token.
  const delta = deltaWish.name === '' ? undefined : { digest: deltaWish.name, token: '' };
  const asked = GenerateRequest.encode(
    GenerateRequest.create({ model, prompt, sampling, maxTokens, delta }),
  ).finish();
  return createHash('sha256').update(asked).digest().subarray(0, DIGEST_BYTES);
}

const SHA256 = 'sha256:';

function digestBytes(digest: string): Buffer {
  return Buffer.from(digest.slice(SHA256.length), 'hex');
}

function digestText(bytes: Uint8Array): string {
  return bytes.length === 0 ? '' : SHA256 + Buffer.from(bytes).toString('hex');
}
