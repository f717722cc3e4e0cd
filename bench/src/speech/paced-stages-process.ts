import {
  DescribeTalkerResponse as Described,
  type DescribeTalkerResponse,
  descriptorSetPath,
  type ListenRequest,
  ListenResponse,
  type SpeakRequest,
  SpeakResponse,
  TalkerServiceDefinition,
  TranscriberServiceDefinition,
  WatchTalkerResponse,
} from '@zen/contracts';
import { type CallContext, Rpc, RpcServer } from '@zen/rpc';
import { PacedThinker } from '@zen/testing';

/** The published stages, milliseconds: what is heard, the thinker's first token, and three of the talker. */
export const STAGES_MS = { preprocessing: 72, thinker: 88, talker: 57, predictor: 14, codec: 3 };

const FRAME_MS = 80;
const RATE = 24_000;
const PIECES = 12;
const PIECE_MS = 10;
/** Audio of each piece of text. */
const PIECE_FRAMES = 4;

/** A timer that a millisecond does not slip through: what it oversleeps would count as the platform's. */
async function exactly(ms: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + ms;
  await new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, ms - 2)));
  while (performance.now() < end && !signal.aborted)
    await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Ears and a voice without models that take exactly the stages' time. */
class PacedTalker {
  @Rpc(TalkerServiceDefinition, 'speak')
  async *speak(
    requests: AsyncIterable<SpeakRequest>,
    { signal }: CallContext,
  ): AsyncGenerator<SpeakResponse> {
    const started = { voice: 'paced', sampleRate: RATE, quality: 1, seed: 1n, queueUs: 0n };
    yield SpeakResponse.fromPartial({ event: { $case: 'started', value: started } });
    const pcm = Buffer.alloc((2 * RATE * FRAME_MS) / 1000);
    const { talker, predictor, codec } = STAGES_MS;
    let position = 0n;
    let characters = 0;
    let clause = 0;
    for await (const { message } of requests) {
      if (message?.$case !== 'text') continue;
      if (clause === 0) await exactly(talker + predictor + codec, signal);
      const samples = BigInt((PIECE_FRAMES * pcm.length) / 2);
      const place = { index: clause, textStart: characters, textEnd: characters + message.value.length };
      yield SpeakResponse.fromPartial({
        event: { $case: 'clause', value: { ...place, firstSample: position, samples } },
      });
      for (let frame = 0; frame < PIECE_FRAMES; frame++) {
        yield SpeakResponse.fromPartial({ event: { $case: 'frame', value: { pcm, position, clause } } });
        position += BigInt(pcm.length / 2);
      }
      characters += message.value.length;
      clause++;
    }
    const finished = { samples: position, textLength: characters, computeUs: 0n };
    yield SpeakResponse.fromPartial({ event: { $case: 'finished', value: finished } });
  }

  @Rpc(TalkerServiceDefinition, 'describeTalker')
  async describeTalker(): Promise<DescribeTalkerResponse> {
    return Described.fromPartial({
      voices: [{ name: 'paced', language: 'en', sampleRate: RATE }],
      defaultVoice: 'paced',
      transcriber: 'paced',
      maxSpeaking: 1000,
      maxListening: 1000,
    });
  }

  @Rpc(TalkerServiceDefinition, 'watchTalker')
  async *watchTalker(_: object, { signal }: CallContext): AsyncGenerator<WatchTalkerResponse> {
    yield { talker: await this.describeTalker() };
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }

  @Rpc(TranscriberServiceDefinition, 'listen')
  async *listen(
    requests: AsyncIterable<ListenRequest>,
    { signal }: CallContext,
  ): AsyncGenerator<ListenResponse> {
    let utterance = 0;
    let open = false;
    const heard = async (tag: string): Promise<ListenResponse> => {
      await exactly(STAGES_MS.preprocessing, signal);
      const value = {
        utterance: utterance++,
        text: 'Hello there.',
        final: true,
        stableLength: 12,
        tag,
        language: 'en',
      };
      return ListenResponse.fromPartial({ event: { $case: 'transcript', value } });
    };
    for await (const { message } of requests) {
      open ||= message?.$case === 'audio';
      if (message?.$case !== 'commit') continue;
      open = false;
      yield await heard(message.value.tag);
    }
    if (open) yield await heard('');
  }
}

/** Run as a child: says where its thinker and its talker listen. */
async function main(): Promise<void> {
  const thinker = new PacedThinker({
    pieceMs: 0,
    piece: () => 'so it is, ',
    before: (index, { maxTokens }, { signal }) => {
      // A beginning that is computed ahead makes no piece.
      if (index >= (maxTokens || PIECES)) return;
      return exactly(index === 0 ? STAGES_MS.thinker : PIECE_MS, signal);
    },
  });
  const server = await RpcServer.start([new PacedTalker()], {
    listen: '127.0.0.1:0',
    maxMessageBytes: 2 ** 24,
    maxConcurrentStreams: 10_000,
    translate: () => undefined,
    onError: (error, method) => process.stderr.write(`paced talker: ${method}: ${error}\n`),
    descriptorSetPath,
    tls: undefined,
  });
  server.setServing(true);
  process.send?.({ thinker: await thinker.start(), talker: server.address });
  process.once('disconnect', () => process.exit(0));
}

if (require.main === module) void main();
