import { Priority } from '@zen/contracts';
import type { FastifyReply } from 'fastify';
import type { Visit } from '../door/visit';
import { SseWriter } from '../http/sse-writer';
import { errorBody } from '../openai/error-body';
import { priorityOf } from '../openai/sampling';
import { writeBytes } from './byte-writer';
import { encodeSpeech } from './encode-speech';
import { checkModel, SPEECH_MODELS, type SpeechBody, type SpeechFormat } from './speech.schema';
import type { SpeechDesk } from './speech-desk';
import { speechFailure } from './speech-failure';
import type { SpeechMetrics } from './speech-metrics';
import { textTokens, usageOfSpeech } from './speech-usage';
import { audioOf, primed, SPEECH_RATE } from './spoken-audio';
import type { SpokenStart } from './spoken-event';
import { qualityName } from './voice-quality';

export const CONTENT_TYPES: Record<SpeechFormat, string> = {
  mp3: 'audio/mpeg',
  opus: 'audio/ogg; codecs=opus',
  wav: 'audio/wav',
  pcm: `audio/pcm; rate=${SPEECH_RATE}`,
};

/** Speaks a text that is whole; audio leaves as it is made. What is thrown has not been answered yet. */
export class SpeechHandler {
  constructor(
    private readonly desk: SpeechDesk,
    private readonly metrics: SpeechMetrics,
    /** Milliseconds after which a reader that takes nothing is cut off. */
    private readonly stallMs: number,
  ) {}

  async handle(body: SpeechBody, full: boolean, visit: Visit, reply: FastifyReply): Promise<void> {
    this.desk.talkers.checkServed();
    checkModel(body.model, SPEECH_MODELS);
    const inputTokens = textTokens(body.input);
    const rates = await visit.admit(body.model, inputTokens);
    // Whatever happens, the utterance is over with the answer.
    const over = new AbortController();
    const signal = AbortSignal.any([visit.signal, over.signal]);
    try {
      const speech = this.desk.open(
        {
          voice: body.voice,
          speed: body.speed ?? 1,
          full,
          seed: body.seed,
          priority: body.priority ? priorityOf(body.priority) : Priority.PRIORITY_UNSPECIFIED,
        },
        visit,
        signal,
      );
      speech.push(body.input);
      speech.end();
      const record = this.metrics.utterance();
      const { start, pieces } = await audioOf(speech.events(), record.heard);
      // Until here it can still be refused.
      const counted = counting(await primed(pieces));
      const { format, bytes } = await encodeSpeech(body.response_format, counted.pieces, signal);
      const headers = {
        ...(reply.getHeaders() as Record<string, string>),
        ...rates,
        ...voiceHeaders(start),
        'x-request-id': visit.requestId,
      };
      reply.hijack();
      const usage = () => usageOfSpeech(inputTokens, counted.samples());
      if (body.stream_format === 'sse') await this.events(bytes, headers, usage, visit, reply);
      else await this.bytes(bytes, { ...headers, 'content-type': CONTENT_TYPES[format] }, visit, reply);
      const { output_tokens } = usage();
      visit.count(inputTokens, output_tokens);
    } catch (error) {
      throw visit.explained(speechFailure(error, visit.signal));
    } finally {
      over.abort();
    }
  }

  private async bytes(
    bytes: AsyncIterable<Uint8Array>,
    headers: Record<string, string>,
    visit: Visit,
    reply: FastifyReply,
  ): Promise<void> {
    reply.raw.writeHead(200, headers);
    try {
      await writeBytes(reply.raw, bytes, this.stallMs);
      reply.raw.end();
    } catch (error) {
      // The status has been sent: a body that is cut off says that this is no end.
      visit.failed(visit.explained(speechFailure(error, visit.signal)));
      reply.raw.destroy();
    }
  }

  private async events(
    bytes: AsyncIterable<Uint8Array>,
    headers: Record<string, string>,
    usage: () => object,
    visit: Visit,
    reply: FastifyReply,
  ): Promise<void> {
    const writer = new SseWriter(reply.raw, this.stallMs);
    writer.open(headers);
    try {
      for await (const piece of bytes) {
        const audio = Buffer.from(piece).toString('base64');
        const behind = writer.send(JSON.stringify({ type: 'speech.audio.delta', audio }));
        if (behind) await behind;
      }
      writer.end(JSON.stringify({ type: 'speech.audio.done', usage: usage() }));
    } catch (error) {
      const known = visit.explained(speechFailure(error, visit.signal));
      visit.failed(known);
      writer.end(JSON.stringify(errorBody(known)));
    }
  }
}

/** What every spoken answer says about its voice. */
export function voiceHeaders({ voice, quality }: SpokenStart): Record<string, string> {
  return { 'x-zen-voice': voice, 'x-zen-voice-quality': qualityName(quality) };
}

function counting(source: AsyncGenerator<Float32Array>) {
  let samples = 0;
  async function* pieces(): AsyncGenerator<Float32Array> {
    for await (const piece of source) {
      samples += piece.length;
      yield piece;
    }
  }
  return { pieces: pieces(), samples: () => samples };
}
