import type { EndpointSource } from '@zen/cluster';
import type { VoiceModel } from '@zen/contracts';
import type { RpcError } from '@zen/rpc';
import { GatewayError } from '../gateway-error';
import type { TalkerClient } from './talker-client';
import { TalkerLink, type TalkerLinkOptions, type TalkerWork } from './talker-link';
import { meansDefault } from './voice-names';

export interface TalkersOptions extends TalkerLinkOptions {
  sources: readonly EndpointSource[];
}

/** A talker that one call goes to. */
export interface Place<C> {
  address: string;
  client: C;
  /** The call is over; `error` says why it did not end well. */
  ended(error: RpcError | null): void;
}

export interface SpeechLoad {
  /** How full the talker is that the next call goes to, from 0 to 1, and above where calls wait. */
  occupancy: number;
  /** Calls there now. */
  calls: number;
  /** Seconds of work per second of audio that it made last; 0 before the first. */
  realTimeFactor: number;
}

const NOBODY: ReadonlySet<string> = new Set();

/** All talkers: which of them a call goes to, and what they can do together. */
export class Talkers {
  private readonly links = new Map<string, TalkerLink>();
  private readonly stopping = new AbortController();
  private following: Promise<void>[] = [];
  private readonly sets: (readonly string[] | undefined)[];

  constructor(private readonly options: TalkersOptions) {
    this.sets = options.sources.map(() => undefined);
  }

  /** Whether any talker was ever named: speech is part of what this gateway serves. */
  get served(): boolean {
    return this.options.sources.length > 0;
  }

  start(): void {
    this.following = this.options.sources.map((source, at) =>
      source.follow((endpoints) => {
        this.sets[at] = endpoints.map(({ address }) => address);
        this.place(new Set(this.sets.flatMap((set) => set ?? [])));
      }, this.stopping.signal),
    );
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.following);
    await Promise.all([...this.links.values()].map((link) => link.stop()));
  }

  /** Voices that some connected talker has, by name. */
  voices(): VoiceModel[] {
    const voices = new Map<string, VoiceModel>();
    for (const { about } of this.links.values()) {
      for (const voice of about?.voices ?? []) if (!voices.has(voice.name)) voices.set(voice.name, voice);
    }
    return [...voices.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Models that transcribe, by name. */
  transcribers(): string[] {
    const names = [...this.links.values()].flatMap(({ about }) => about?.transcriber || []);
    return [...new Set(names)].sort();
  }

  /**
   * The voice that a request means: one of ours by name; for '' and OpenAI's names the default.
   * @throws GatewayError speech_not_served, unavailable, invalid_request (`voice`)
   */
  voice(asked: string): VoiceModel {
    this.checkServed();
    const voices = this.voices();
    const named = voices.find(({ name }) => name === asked);
    if (named) return named;
    if (voices.length === 0) throw nobody('speaks');
    if (!meansDefault(asked)) {
      const known = voices.map(({ name }) => name).join(', ');
      throw new GatewayError('invalid_request', `voice: not one of ${known}`, { param: 'voice' });
    }
    const links = [...this.links.values()];
    // Of several talkers with different defaults the one is meant that is first by name, whoever is free.
    const defaults = links.flatMap(({ about }) => about?.defaultVoice || []).sort();
    return voices.find(({ name }) => name === defaults[0]) ?? (voices[0] as VoiceModel);
  }

  /** The least busy talker that has this voice (by its own name) and is not shunned (addresses). */
  speaking(voice: string, shunned = NOBODY): Place<TalkerClient['talker']> | undefined {
    const link = this.leastSpeaking(voice, shunned);
    return link && this.placeAt(link, 'speaking', link.client.talker);
  }

  /** What `speaking` would find there; undefined where it would find nobody. */
  load(voice: string): SpeechLoad | undefined {
    const link = this.leastSpeaking(voice, NOBODY);
    if (!link) return undefined;
    return {
      occupancy: link.occupancy('speaking'),
      calls: link.calls('speaking'),
      realTimeFactor: link.about?.realTimeFactor ?? 0,
    };
  }

  /** The least busy talker that listens; `transcriber` '' means with any model. */
  listening(transcriber: string, shunned = NOBODY): Place<TalkerClient['transcriber']> | undefined {
    const link = this.least(
      'listening',
      shunned,
      ({ about }) => about?.transcriber !== '' && (transcriber === '' || about?.transcriber === transcriber),
    );
    return link && this.placeAt(link, 'listening', link.client.transcriber);
  }

  /**
   * @throws GatewayError speech_not_served, unavailable
   */
  checkListening(): void {
    this.checkServed();
    if (this.transcribers().length === 0) throw nobody('listens');
  }

  /** Each talker's address and whether it is connected. */
  all(): { address: string; up: boolean }[] {
    return [...this.links.values()].map(({ address, about }) => ({ address, up: about !== undefined }));
  }

  private leastSpeaking(voice: string, shunned: ReadonlySet<string>): TalkerLink | undefined {
    return this.least('speaking', shunned, ({ about }) => about?.voices.some(({ name }) => name === voice));
  }

  /** @throws GatewayError speech_not_served */
  checkServed(): void {
    if (this.served) return;
    const message = 'speech is not served here: the gateway has no talkers (ZEN_TALKERS)';
    throw new GatewayError('speech_not_served', message);
  }

  private least(
    work: TalkerWork,
    shunned: ReadonlySet<string>,
    can: (link: TalkerLink) => boolean | undefined,
  ): TalkerLink | undefined {
    const able = [...this.links.values()].filter(
      (link) => link.open && !shunned.has(link.address) && can(link),
    );
    const fullness = able.map((link) => link.occupancy(work));
    const least = Math.min(...fullness);
    const equal = able.filter((_, i) => fullness[i] === least);
    return equal[Math.floor(this.options.random() * equal.length)];
  }

  private placeAt<C>(link: TalkerLink, work: TalkerWork, client: C): Place<C> {
    return { address: link.address, client, ended: link.begin(work) };
  }

  private place(addresses: ReadonlySet<string>): void {
    for (const address of addresses) {
      if (!this.links.has(address)) this.links.set(address, new TalkerLink(address, this.options));
    }
    for (const [address, link] of this.links) {
      if (addresses.has(address)) continue;
      this.links.delete(address);
      void link.stop();
    }
  }
}

function nobody(does: string): GatewayError {
  return new GatewayError('unavailable', `no talker that ${does} is connected`, { retryAfterS: 1 });
}
