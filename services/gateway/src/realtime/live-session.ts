import {
  betaEvent,
  type Happening,
  type Output,
  RealtimeFailure,
  type RealtimeSession,
  type Wish,
} from '@zen/realtime';
import type { WebSocket } from 'ws';
import { Outbox } from './outbox';
import { Answering } from './pipeline/answering';
import { realtimeFailure } from './pipeline/failure';
import { Listening } from './pipeline/listening';
import type { Caller, PipelineParts } from './pipeline/pipeline-parts';
import { Prefilling } from './pipeline/prefilling';
import type { CloseReason } from './realtime-metrics';
import { type Dialect, readClientEvent } from './wire/client-event';

export interface LiveOptions {
  id: string;
  session: RealtimeSession;
  dialect: Dialect;
  caller: Caller;
  keptBytes: number;
  stallMs: number;
  /** How long it waits for a client whose connection dropped; 0: not at all. */
  resumeMs: number;
  heartbeatMs: number;
  onClosed(reason: CloseReason): void;
}

/** Items whose audio is understood at once. */
const MOST_TRANSCRIBED = 4;

/** One session and everything that runs for it: its connection, its ear, its answers, its clock. */
export class LiveSession {
  private readonly outbox: Outbox;
  private readonly prefilling: Prefilling;
  private readonly answers = new Map<string, Answering>();
  private readonly transcribing = new Set<Listening>();
  private ear: Listening | null = null;
  private socket: WebSocket | null = null;
  /** Client events that were taken. */
  private received = 0;
  private timer: NodeJS.Timeout | undefined;
  private away: NodeJS.Timeout | undefined;
  private over: CloseReason | null = null;

  constructor(
    private readonly parts: PipelineParts,
    private readonly options: LiveOptions,
  ) {
    const { keptBytes, stallMs } = options;
    this.outbox = new Outbox({ keptBytes, stallMs, onStalled: () => this.end('slow', 1008, 'slow_client') });
    this.prefilling = new Prefilling(parts, options.caller);
  }

  get caller(): Caller {
    return this.options.caller;
  }

  /** The first connection. */
  begin(socket: WebSocket): void {
    this.take(this.options.session.begin());
    this.connect(socket, '');
  }

  canResume(after: string): boolean {
    return this.over === null && this.outbox.canResume(after);
  }

  /** A connection after the one that dropped; a client that comes back before that is noticed takes its place. */
  resume(socket: WebSocket, after: string): void {
    const before = this.socket;
    this.socket = null;
    before?.close(1000, 'resumed elsewhere');
    clearTimeout(this.away);
    // Whoever resumes sends again what was not taken.
    const { received } = this;
    socket.send(JSON.stringify({ type: 'x-zen.session.resumed', session_id: this.options.id, received }));
    this.connect(socket, after);
  }

  /** The gateway goes; `now`: what is under way is cut short. */
  leave(now: boolean): void {
    this.happen({ t: 'leaving', now });
  }

  /** Something has happened. Resolves when the client has taken enough for more to come. */
  tell = async (happening: Happening): Promise<void> => {
    this.happen(happening);
    await this.outbox.behind();
  };

  private happen(happening: Happening): void {
    if (this.over !== null) return;
    const nowMs = this.parts.now();
    const outputs = this.options.session.handle(happening, nowMs);
    this.take(outputs);
    const interrupts = happening.t === 'speech-started' && outputs.some(({ t }) => t === 'cancel');
    if (interrupts) this.parts.metrics.interrupted(this.parts.now() - nowMs);
    this.setTimer();
  }

  private connect(socket: WebSocket, after: string): void {
    this.socket = socket;
    this.outbox.attach(socket, after);
    this.setTimer();
    socket.on('message', (data: Buffer, isBinary: boolean) => this.message(socket, data, isBinary));
    const stopBeating = beat(socket, this.options.heartbeatMs);
    let isAtFault = false;
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      // What the client sent is no WebSocket message, or too large a one; its answer to our close is not waited for.
      isAtFault ||= code?.startsWith('WS_ERR_') === true;
    });
    socket.on('close', (code: number) => {
      stopBeating();
      this.disconnected(socket, isAtFault ? PROTOCOL_ERROR : code);
    });
  }

  private message(socket: WebSocket, data: Buffer, isBinary: boolean): void {
    if (socket !== this.socket) return;
    this.received++;
    if (isBinary) {
      const failure = new RealtimeFailure('invalid_event', 'an event is JSON text, not a binary message');
      this.happen({ t: 'refused', failure, eventId: null });
    } else {
      const read = readClientEvent(data, this.options.dialect);
      this.happen('event' in read ? { t: 'client', event: read.event } : { t: 'refused', ...read });
    }
    // A client that takes no answers gives no more orders.
    this.hold(socket, this.outbox.behind());
  }

  private hold(socket: WebSocket, until: Promise<void> | undefined): void {
    if (!until || socket.isPaused) return;
    socket.pause();
    void until.then(() => socket.resume());
  }

  private take(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.t === 'send') this.send(output.event);
      else this.grant(output);
    }
  }

  private send(event: Parameters<typeof betaEvent>[0]): void {
    const { dialect, session } = this.options;
    const known = dialect === 'beta' ? betaEvent(event, session.config.temperature) : event;
    if (known) this.outbox.push(known);
  }

  private grant(wish: Wish): void {
    switch (wish.t) {
      case 'listen':
        this.ear?.cancel();
        this.ear = this.listen(wish.call, '', wish.how);
        break;
      case 'hear':
        this.hear(this.ear, wish.audio);
        break;
      case 'commit':
        this.ear?.commit(wish.tag);
        break;
      case 'clear':
        this.ear?.clear();
        break;
      case 'turns':
        this.ear?.turns(wish.turnDetection);
        break;
      case 'transcribe':
        this.transcribe(wish);
        break;
      case 'prefill':
        this.prefilling.want(wish.question);
        break;
      case 'prefill-off':
        this.prefilling.stop();
        break;
      case 'answer':
        this.answer(wish);
        break;
      case 'cancel':
        this.answers.get(wish.responseId)?.cancel();
        break;
      case 'ended':
        this.parts.metrics.ended(wish.status, wish.hops);
        break;
      case 'acked':
        this.outbox.acknowledge(wish.upTo);
        break;
      case 'close':
        this.end(wish.code === 1001 ? 'leaving' : 'expired', wish.code, wish.reason);
    }
  }

  private answer(wish: Extract<Wish, { t: 'answer' }>): void {
    const answering = new Answering(this.parts, this.options.caller, wish, this.tell);
    this.answers.set(wish.responseId, answering);
    void answering.run().finally(() => {
      if (this.answers.get(wish.responseId) === answering) this.answers.delete(wish.responseId);
    });
  }

  private listen(call: number, tag: string, how: Extract<Wish, { t: 'listen' }>['how']): Listening | null {
    const { id, caller } = this.options;
    try {
      return new Listening(
        this.parts,
        { call, tag, how, requestId: id, tenant: caller.tenant.name },
        this.tell,
      );
    } catch (error) {
      const failure = realtimeFailure(error);
      // Not while the session still handles what asked for it.
      queueMicrotask(() => this.happen({ t: 'listen-failed', call, tag, failure }));
      return null;
    }
  }

  private hear(ear: Listening | null, audio: string): void {
    if (!ear || ear.hear(audio) || !this.socket) return;
    // More audio than a talker takes waits at its client.
    this.hold(this.socket, ear.drained());
  }

  private transcribe({ itemId, audio, how }: Extract<Wish, { t: 'transcribe' }>): void {
    if (this.transcribing.size >= MOST_TRANSCRIBED) {
      const message = `item: ${MOST_TRANSCRIBED} items with audio are being understood, the limit`;
      const failure = new RealtimeFailure('too_many_items', message, 'item', 'rate_limit_error');
      queueMicrotask(() => this.happen({ t: 'listen-failed', call: 0, tag: itemId, failure }));
      return;
    }
    const ear = this.listen(0, itemId, how);
    if (!ear) return;
    this.transcribing.add(ear);
    ear.onOver = () => this.transcribing.delete(ear);
    ear.hear(audio);
    ear.commit(itemId);
    ear.end();
  }

  private setTimer(): void {
    clearTimeout(this.timer);
    if (this.over !== null) return;
    const { nextMs } = this.options.session;
    if (nextMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.max(1, Math.min(nextMs - this.parts.now(), LONGEST_TIMER_MS));
    this.timer = setTimeout(() => this.happen({ t: 'time' }), waitMs).unref();
  }

  private disconnected(socket: WebSocket, code: number): void {
    if (socket !== this.socket) return;
    this.socket = null;
    this.outbox.detach();
    if (this.over !== null) return;
    const { resumeMs } = this.options;
    // Who closes a connection, for whatever reason, does not come back; one that drops has no reason.
    if (resumeMs === 0 || code !== DROPPED) this.end('client', code, '');
    else this.away = setTimeout(() => this.end('away', code, ''), resumeMs).unref();
  }

  private end(reason: CloseReason, code: number, text: string): void {
    if (this.over !== null) return;
    this.over = reason;
    clearTimeout(this.timer);
    clearTimeout(this.away);
    this.prefilling.stop();
    for (const answering of this.answers.values()) answering.cancel();
    this.ear?.cancel();
    for (const ear of this.transcribing) ear.cancel();
    const { socket } = this;
    this.outbox.close();
    socket?.close(code, text);
    this.options.onClosed(reason);
  }
}

/** What a connection that ended without a close frame is said to have ended with. */
const DROPPED = 1006;
const PROTOCOL_ERROR = 1002;

/** What setTimeout can wait at most. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Pings; a connection on which no pong came since the last one is dead. */
function beat(socket: WebSocket, everyMs: number): () => void {
  let isAlive = true;
  socket.on('pong', () => {
    isAlive = true;
  });
  const timer = setInterval(() => {
    // Nothing is read of one whose audio has to wait, so no pong either.
    if (socket.isPaused) return;
    if (!isAlive) {
      socket.terminate();
      return;
    }
    isAlive = false;
    socket.ping();
  }, everyMs).unref();
  return () => clearInterval(timer);
}
