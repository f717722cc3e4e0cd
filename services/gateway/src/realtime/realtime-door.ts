import { randomBytes } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { DEFAULT_SESSION_LIMITS, newSession, RealtimeSession, type SessionConfig } from '@zen/realtime';
import { type WebSocket, WebSocketServer } from 'ws';
import type { QualityWish } from '../answer/answer';
import type { GatewayConfig } from '../config';
import { readDeltaAsks } from '../deltas/delta-wish';
import { MAX_STAGE, wishFromHeaders } from '../door/quality-wish';
import { GatewayError } from '../gateway-error';
import type { KeyRing } from '../keys/key-ring';
import type { Tenant } from '../keys/tenant';
import { httpError } from '../openai/error-body';
import type { ClientSecrets } from './client-secrets';
import { chosenProtocol, type Handshake, isRealtime, PATH, readHandshake } from './handshake';
import { LiveSession } from './live-session';
import type { Caller, PipelineParts } from './pipeline/pipeline-parts';
import { withSession } from './wire/read-session';

export type RealtimeSettings = Pick<
  GatewayConfig,
  | 'corsOrigins'
  | 'stallMs'
  | 'realtimeSessions'
  | 'realtimeSessionMs'
  | 'realtimeEventBytes'
  | 'realtimeKeptBytes'
  | 'realtimeResumeMs'
  | 'realtimeHeartbeatMs'
  | 'realtimeMinStage'
>;

interface Caught {
  live: LiveSession;
  token: string;
}

/** Where WebSockets of the Realtime API come in; knows which sessions there are. */
export class RealtimeDoor {
  private readonly sockets: WebSocketServer;
  private readonly sessions = new Map<string, Caught>();
  private leaving = false;

  constructor(
    private readonly settings: RealtimeSettings,
    private readonly keys: KeyRing,
    private readonly secrets: ClientSecrets,
    private readonly parts: () => PipelineParts,
    /** Milliseconds since 1970. */
    private readonly wallClock: () => number,
  ) {
    this.sockets = new WebSocketServer({
      noServer: true,
      maxPayload: settings.realtimeEventBytes,
      // Events are small or audio, which does not shrink.
      perMessageDeflate: false,
      handleProtocols: chosenProtocol,
    });
  }

  get count(): number {
    return this.sessions.size;
  }

  listenOn(server: Server): void {
    server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  /** Takes nobody new; sessions end with their response and hand over. */
  leave(): void {
    this.leaving = true;
    for (const { live } of this.sessions.values()) live.leave(false);
  }

  /** Ends what is left. */
  expel(): void {
    this.leaving = true;
    for (const { live } of this.sessions.values()) live.leave(true);
  }

  /** Cuts connections that have not closed by themselves. */
  cut(): void {
    for (const socket of this.sockets.clients) socket.terminate();
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until a WebSocket is made of it nobody else listens.
    socket.on('error', () => socket.destroy());
    try {
      if (!isRealtime(request))
        throw new GatewayError('not_found', `no such endpoint: WebSockets are at ${PATH}`);
      const handshake = readHandshake(request);
      this.checkOrigin(handshake);
      const { caller, session } = this.callerOf(handshake);
      const resumed = handshake.resume && this.find(handshake.resume, caller);
      const config = resumed ? null : this.configOf(handshake, session);
      if (!resumed) this.checkRoom();
      this.sockets.handleUpgrade(request, socket, head, (ws) => {
        if (resumed) resumed.resume(ws, handshake.resume?.after ?? '');
        else if (config) this.open(ws, handshake, caller, config);
      });
    } catch (thrown) {
      refuse(socket, GatewayError.from(thrown));
    }
  }

  /** Pages of other sites must not use a gateway through somebody's browser, as with its other routes. */
  private checkOrigin({ origin, host }: Handshake): void {
    this.parts().gate.checkHost(host);
    if (origin === undefined || this.settings.corsOrigins.includes(origin)) return;
    if (URL.canParse(origin) && new URL(origin).host === host) return;
    throw new GatewayError('forbidden', 'pages of this origin may not call; see ZEN_CORS_ORIGINS');
  }

  private callerOf({ headers, model }: Handshake): { caller: Caller; session: object | null } {
    const key = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
    const claims = this.secrets.read(key);
    const tenantOf = (): Tenant =>
      claims ? this.keys.byId(claims.keyId) : this.keys.authenticate(headers.authorization);
    const tenant = tenantOf();
    // What the headers wish has to be possible now, not with the first response.
    wishFromHeaders(headers);
    const enter = () => this.parts().gate.enterAs(PATH, headers, tenantOf);
    return { caller: { model: model ?? '', headers, tenant, enter }, session: claims?.session ?? null };
  }

  private configOf({ intent, model, headers }: Handshake, session: object | null): SessionConfig {
    const minStage = this.floorOf(wishFromHeaders(headers));
    const asked = withSession({ ...newSession(intent, model ?? ''), minStage }, session);
    if (asked.type === 'transcription') return asked;
    if (asked.model === '') {
      throw new GatewayError('invalid_request', 'model: name one, ?model=NAME', { param: 'model' });
    }
    const { fleet } = this.parts();
    const isModel = (name: string) => fleet.isModel(name);
    const { model: name } = readDeltaAsks(
      { model: asked.model, header: undefined, user: undefined },
      null,
      isModel,
    );
    if (!isModel(name))
      throw new GatewayError('model_not_found', `model: "${name}" is not served here`, { param: 'model' });
    return asked;
  }

  /** Where the client names none it is the gateway's own; who pins a stage has said enough. */
  private floorOf({ minStage, pin }: QualityWish): number {
    return minStage ?? Math.min(this.settings.realtimeMinStage, pin ?? MAX_STAGE);
  }

  private checkRoom(): void {
    if (this.leaving)
      throw new GatewayError('unavailable', 'the gateway is shutting down', { retryAfterS: 1 });
    const { realtimeSessions } = this.settings;
    if (this.sessions.size < realtimeSessions) return;
    const message = `${realtimeSessions} Realtime sessions are open, the limit`;
    throw new GatewayError('overloaded', message, { retryAfterS: 5 });
  }

  private find({ token, after }: NonNullable<Handshake['resume']>, caller: Caller): LiveSession {
    const [id = ''] = token.split('.');
    const caught = this.sessions.get(id);
    const isTheirs = caught?.token === token && caught.live.caller.tenant.keyId === caller.tenant.keyId;
    if (!isTheirs) {
      const message = 'resume: no such session here; it may have ended, or lives at another gateway';
      throw new GatewayError('not_found', message, { param: 'resume' });
    }
    if (caught.live.canResume(after)) return caught.live;
    const message = 'after: events after this one are not kept any more; open a new session';
    throw new GatewayError('conflict', message, { param: 'after' });
  }

  private open(socket: WebSocket, handshake: Handshake, caller: Caller, config: SessionConfig): void {
    const { settings } = this;
    const parts = this.parts();
    const id = newId('sess');
    const token = `${id}.${randomBytes(24).toString('base64url')}`;
    const resumeMs = settings.realtimeResumeMs;
    const session = new RealtimeSession({
      id,
      config,
      limits: { ...DEFAULT_SESSION_LIMITS, maxSessionMs: settings.realtimeSessionMs },
      newId,
      beganMs: parts.now(),
      expiresAtS: Math.floor((this.wallClock() + settings.realtimeSessionMs) / 1000),
      resumeToken: resumeMs > 0 ? token : null,
    });
    const live = new LiveSession(parts, {
      id,
      session,
      dialect: handshake.dialect,
      caller: { ...caller, model: config.model },
      keptBytes: resumeMs > 0 ? settings.realtimeKeptBytes : 0,
      stallMs: settings.stallMs,
      resumeMs,
      heartbeatMs: settings.realtimeHeartbeatMs,
      onClosed: (reason) => {
        this.sessions.delete(id);
        parts.metrics.closed(reason);
        parts.logger.info({ session: id, tenant: caller.tenant.name, reason }, 'realtime session closed');
      },
    });
    this.sessions.set(id, { live, token });
    parts.logger.info(
      {
        session: id,
        tenant: caller.tenant.name,
        model: config.model,
        type: config.type,
        dialect: handshake.dialect,
      },
      'realtime session',
    );
    live.begin(socket);
    // It came while the door was closing.
    if (this.leaving) live.leave(false);
  }
}

function newId(kind: string): string {
  return `${kind}_${randomBytes(12).toString('base64url').replace(/[-_]/g, '0')}`;
}

function refuse(socket: Duplex, error: GatewayError): void {
  const { status, headers, body } = httpError(error);
  const text = JSON.stringify(body);
  const lines = Object.entries({ ...headers, 'content-type': 'application/json', connection: 'close' });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(
    `HTTP/1.1 ${status} Refused\r\n${head}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}
