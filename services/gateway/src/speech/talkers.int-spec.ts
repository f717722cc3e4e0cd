import type { EndpointSource } from '@zen/cluster';
import {
  type DescribeTalkerResponse,
  descriptorSetPath,
  type SpeakResponse,
  TalkerServiceDefinition,
  type WatchTalkerRequest,
  type WatchTalkerResponse,
} from '@zen/contracts';
import { type CallContext, Rpc, RpcError, RpcServer } from '@zen/rpc';
import { until } from '../gateway.fixture';
import { talkerConnector } from './talker-client';
import { Talkers } from './talkers';

/** Says what it is told to say: no real talker could be brought into these states on purpose. */
class SaidTalker {
  about: DescribeTalkerResponse;
  private server: RpcServer | undefined;

  constructor(more: Partial<DescribeTalkerResponse> = {}) {
    this.about = {
      voices: [{ name: 'heart', language: 'en-US', sampleRate: 24_000, takesTokenIds: false }],
      defaultVoice: 'heart',
      transcriber: 'whisper-base',
      maxSpeaking: 4,
      speaking: 0,
      waiting: 0,
      maxListening: 4,
      listening: 0,
      realTimeFactor: 0,
      draining: false,
      ...more,
    };
  }

  @Rpc(TalkerServiceDefinition, 'watchTalker')
  async *watchTalker(_: WatchTalkerRequest, { signal }: CallContext): AsyncGenerator<WatchTalkerResponse> {
    while (!signal.aborted) {
      yield { talker: this.about };
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  @Rpc(TalkerServiceDefinition, 'describeTalker')
  async describeTalker(): Promise<DescribeTalkerResponse> {
    return this.about;
  }

  @Rpc(TalkerServiceDefinition, 'speak')
  async *speak(): AsyncGenerator<SpeakResponse> {}

  async start(listen = '127.0.0.1:0'): Promise<string> {
    this.server = await RpcServer.start([this], {
      listen,
      maxMessageBytes: 2 ** 20,
      maxConcurrentStreams: 100,
      translate: () => undefined,
      onError: () => {},
      descriptorSetPath,
    });
    return this.server.address;
  }

  async stop(): Promise<void> {
    await this.server?.stop(0);
  }
}

describe('talkers', () => {
  const joe = { name: 'joe', language: 'en-US', sampleRate: 22_050, takesTokenIds: false };
  const one = new SaidTalker();
  const two = new SaidTalker({ transcriber: '' });
  two.about.voices.push(joe);
  let addresses: string[] = [];
  let talkers: Talkers;
  let tell: (endpoints: { address: string; node: string; zone: string }[]) => void = () => {};
  const place = (addresses: readonly string[]) =>
    tell(addresses.map((address) => ({ address, node: '', zone: '' })));

  beforeAll(async () => {
    addresses = [await one.start(), await two.start()];
    const source: EndpointSource = {
      follow: async (onSet, signal) => {
        tell = onSet;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
    };
    talkers = new Talkers({
      connect: talkerConnector(undefined),
      watchIntervalMs: 50,
      random: () => 0,
      now: () => performance.now(),
      sources: [source],
      onState: () => {},
    });
    talkers.start();
    place(addresses);
    await until('both are up', () => talkers.all().every(({ up }) => up));
  });
  afterAll(async () => {
    await talkers.stop();
    await Promise.all([one.stop(), two.stop()]);
  });

  const load = async (talker: SaidTalker, more: Partial<DescribeTalkerResponse>) => {
    talker.about = { ...talker.about, ...more };
  };
  const picked = () => {
    const place = talkers.speaking('heart');
    place?.ended(null);
    return place?.address;
  };

  test('voices together, and what a name stands for', () => {
    expect(talkers.voices().map(({ name }) => name)).toEqual(['heart', 'joe']);
    expect(['', 'alloy', 'heart', 'joe'].map((name) => talkers.voice(name).name)).toEqual([
      'heart',
      'heart',
      'heart',
      'joe',
    ]);
    expect(() => talkers.voice('nobody')).toThrow('voice: not one of heart, joe');
  });

  test('a call goes to whoever has the voice, or listens', () => {
    const [first, second] = addresses;
    for (const [place, address] of [
      [talkers.speaking('joe'), second],
      [talkers.listening(''), first],
      [talkers.listening('whisper-base'), first],
      [talkers.listening('other'), undefined],
      [talkers.speaking('heart', new Set([first ?? ''])), second],
      [talkers.speaking('joe', new Set([second ?? ''])), undefined],
    ] as const) {
      expect(place?.address).toBe(address);
      place?.ended(null);
    }
  });

  test('the least busy, our own calls counted at once', async () => {
    await load(one, { speaking: 3 });
    await until('the report is here', () => picked() === addresses[1]);
    const calls = [1, 2, 3, 4, 5].map(() => talkers.speaking('heart'));
    // Three there and five more: four places each.
    expect(
      calls.map((place) => place?.address).filter((address) => address === addresses[0]),
    ).not.toHaveLength(0);
    expect(talkers.load('heart')?.occupancy).toBeGreaterThanOrEqual(1);
    for (const call of calls) call?.ended(null);
    await load(one, { speaking: 0 });
  });

  test('one that drains gets nothing new, and one that failed in a row neither', async () => {
    await load(two, { speaking: 3 });
    await until('the first is the less busy', () => picked() === addresses[0]);
    await load(one, { draining: true });
    await until('the report is here', () => picked() === addresses[1]);
    await load(one, { draining: false });
    await until('it stays', () => picked() === addresses[0]);
    for (let i = 0; i < 3; i++) talkers.speaking('heart')?.ended(new RpcError('UNAVAILABLE', 'gone'));
    expect(talkers.speaking('heart')?.address).toBe(addresses[1]);
    await load(two, { speaking: 0 });
  });

  test('one that goes and comes again', async () => {
    const address = addresses[1] ?? '';
    await two.stop();
    await until('it is down', () => talkers.all().some((talker) => talker.address === address && !talker.up));
    expect(talkers.voices().map(({ name }) => name)).toEqual(['heart']);
    expect(() => talkers.voice('joe')).toThrow('voice: not one of heart');
    await two.start(address);
    await until('it is up', () => talkers.all().every(({ up }) => up));
    place(addresses.slice(0, 1));
    expect(talkers.all()).toHaveLength(1);
  });
});
