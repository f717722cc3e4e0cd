import type { Transcript } from '@zen/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { uploadOf } from '../deltas/admin/upload';
import type { Visit } from '../door/visit';
import { GatewayError } from '../gateway-error';
import { SseWriter } from '../http/sse-writer';
import { errorBody } from '../openai/error-body';
import { readForm } from './form';
import { checkModel } from './speech.schema';
import type { SpeechMetrics } from './speech-metrics';
import { textTokens } from './speech-usage';
import type { Transcriber } from './transcriber';
import { TranscriptDeltas } from './transcript-deltas';
import { heardOf, srt, usageOf, verboseBody, vtt } from './transcript-format';
import { parseTranscription, TRANSCRIBING_MODELS, type TranscriptionBody } from './transcription.schema';
import type { UploadRoom } from './upload-room';

export interface TranscriptionLimits {
  maxFileBytes: number;
  /** A sender that gives nothing, or a reader that takes nothing, for this long is cut off, milliseconds. */
  stallMs: number;
}

const FORM = { fields: 32, fieldBytes: 8192 };
/** What is in a form besides the file. */
const FORM_BYTES = 2 ** 20;

export type TranscriptionTask = 'transcribe' | 'translate';

/** Transcribes a file, or translates it into English. What is thrown has not been answered yet. */
export class TranscriptionHandler {
  constructor(
    readonly transcriber: Transcriber,
    private readonly room: UploadRoom,
    private readonly metrics: SpeechMetrics,
    private readonly limits: TranscriptionLimits,
  ) {}

  async handle(
    task: TranscriptionTask,
    request: FastifyRequest,
    visit: Visit,
    reply: FastifyReply,
  ): Promise<void> {
    const { talkers } = this.transcriber;
    const kept = this.room.enter();
    try {
      const { fields, file } = await this.read(request, kept.keep);
      talkers.checkListening();
      const body = parseTranscription(fields);
      const names = talkers.transcribers();
      checkModel(body.model, [...TRANSCRIBING_MODELS, ...names]);
      if (file.length === 0) throw new GatewayError('invalid_request', 'file: empty', { param: 'file' });
      const rates = await visit.admit(body.model, textTokens(body.prompt ?? ''));
      const wish = {
        model: names.includes(body.model) ? body.model : '',
        language: body.language ?? '',
        prompt: body.prompt ?? '',
        translate: task === 'translate',
        temperature: body.temperature ?? 0,
        wordTimes: body.timestamp_granularities?.includes('word') ?? false,
        segmentTimes: body.response_format === 'verbose_json' || isSubtitles(body),
        partials: body.stream ?? false,
        field: 'file',
      };
      const transcripts = this.counted(this.transcriber.transcripts(file, wish, visit), visit);
      const headers = { ...rates, 'x-request-id': visit.requestId };
      if (body.stream) await this.stream(transcripts, headers, visit, reply);
      else await whole(transcripts, body, task, reply.headers(headers));
    } finally {
      kept.leave();
    }
  }

  private read(request: FastifyRequest, keep: (bytes: number) => void) {
    const { maxFileBytes, stallMs } = this.limits;
    const body = uploadOf(request, { maxBytes: maxFileBytes + FORM_BYTES, stallMs, onBytes: () => {} });
    return readForm(request, body, { ...FORM, maxFileBytes }, keep);
  }

  private async *counted(transcripts: AsyncGenerator<Transcript>, visit: Visit): AsyncGenerator<Transcript> {
    let seconds = 0;
    let outcome: 'ok' | 'failed' = 'failed';
    try {
      for await (const transcript of transcripts) {
        seconds = Math.max(seconds, Number(transcript.endMs) / 1000);
        if (transcript.final) visit.count(0, textTokens(transcript.text));
        yield transcript;
      }
      outcome = 'ok';
    } finally {
      this.metrics.transcribed(outcome, seconds);
    }
  }

  private async stream(
    transcripts: AsyncGenerator<Transcript>,
    headers: Record<string, string>,
    visit: Visit,
    reply: FastifyReply,
  ): Promise<void> {
    // What fails before the first word is still an error of its own status.
    const first = await transcripts.next();
    reply.hijack();
    const writer = new SseWriter(reply.raw, this.limits.stallMs);
    writer.open({ ...(reply.getHeaders() as Record<string, string>), ...headers });
    const deltas = new TranscriptDeltas();
    const finals: Transcript[] = [];
    try {
      for await (const transcript of resumed(first, transcripts)) {
        if (transcript.final) finals.push(transcript);
        const delta = deltas.next(transcript);
        if (delta === '') continue;
        const behind = writer.send(JSON.stringify({ type: 'transcript.text.delta', delta }));
        if (behind) await behind;
      }
      const heard = heardOf(finals);
      const done = { type: 'transcript.text.done', text: heard.text, usage: usageOf(heard) };
      writer.end(JSON.stringify(done));
    } catch (error) {
      const known = GatewayError.from(error);
      visit.failed(known);
      writer.end(JSON.stringify(errorBody(known)));
    }
  }
}

async function* resumed<T>(first: IteratorResult<T>, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

async function whole(
  transcripts: AsyncGenerator<Transcript>,
  body: TranscriptionBody,
  task: TranscriptionTask,
  reply: FastifyReply,
): Promise<void> {
  const finals: Transcript[] = [];
  for await (const transcript of transcripts) if (transcript.final) finals.push(transcript);
  const heard = heardOf(finals);
  switch (body.response_format ?? 'json') {
    case 'json':
      await reply.send({ text: heard.text, usage: usageOf(heard) });
      return;
    case 'text':
      await reply.type('text/plain; charset=utf-8').send(`${heard.text}\n`);
      return;
    case 'srt':
      await reply.type('application/x-subrip; charset=utf-8').send(srt(heard));
      return;
    case 'vtt':
      await reply.type('text/vtt; charset=utf-8').send(vtt(heard));
      return;
    case 'verbose_json': {
      const times = body.timestamp_granularities ?? ['segment'];
      const [words, segments] = [times.includes('word'), times.includes('segment')];
      await reply.send(verboseBody(heard, task, body.temperature ?? 0, words, segments));
    }
  }
}

function isSubtitles({ response_format: format }: TranscriptionBody): boolean {
  return format === 'srt' || format === 'vtt';
}
