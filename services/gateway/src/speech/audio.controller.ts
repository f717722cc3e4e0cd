import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { wishFromHeaders } from '../door/quality-wish';
import { GatewayError } from '../gateway-error';
import { jsonBody } from '../http/json-body';
import { headersOf, visitOf } from '../http/visits';
import { validate } from '../openai/parse-body';
import { ORIGINS, SPEECH_HANDLER, TALKERS, TRANSCRIPTION_HANDLER } from '../tokens';
import { speechSchema } from './speech.schema';
import type { SpeechHandler } from './speech-handler';
import type { Talkers } from './talkers';
import type { TranscriptionHandler, TranscriptionTask } from './transcription-handler';

@Controller('v1/audio')
export class AudioController {
  constructor(
    @Inject(TALKERS) private readonly talkers: Talkers,
    @Inject(SPEECH_HANDLER) private readonly speech: SpeechHandler,
    @Inject(TRANSCRIPTION_HANDLER) private readonly transcription: TranscriptionHandler,
    @Inject(ORIGINS) private readonly origins: readonly string[],
  ) {}

  @Post('speech')
  @HttpCode(200)
  speak(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { full } = wishFromHeaders(headersOf(request));
    const visit = visitOf(request);
    if (!visit) throw new GatewayError('internal', 'the request has no visit');
    return this.speech.handle(validate(speechSchema, jsonBody(request)), full, visit, reply);
  }

  @Post('transcriptions')
  @HttpCode(200)
  transcribe(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.understand('transcribe', request, reply);
  }

  @Post('translations')
  @HttpCode(200)
  translate(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.understand('translate', request, reply);
  }

  /** The voices that can be asked for, the one first that is meant where none is. */
  @Get('voices')
  voices() {
    const first = this.talkers.voice('');
    const others = this.talkers.voices().filter(({ name }) => name !== first.name);
    return {
      object: 'list',
      data: [first, ...others].map(({ name, language, sampleRate }) => ({
        id: name,
        object: 'voice',
        name,
        language,
        sample_rate: sampleRate,
        default: name === first.name,
      })),
    };
  }

  private async understand(
    task: TranscriptionTask,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    this.talkers.checkServed();
    checkOrigin(request, this.origins);
    const visit = visitOf(request);
    if (!visit) throw new GatewayError('internal', 'the request has no visit');
    await this.transcription.handle(task, request, visit, reply);
  }
}

/** Any web page can send a form unasked, and a browser says from where it came. */
function checkOrigin({ headers }: FastifyRequest, allowed: readonly string[]): void {
  const { origin, host } = headers;
  if (origin === undefined || allowed.includes(origin)) return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw new GatewayError('forbidden', 'a page of this origin may not send files here');
}
