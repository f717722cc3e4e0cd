import { Controller, Get, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { wishFromHeaders } from '../door/quality-wish';
import { GatewayError } from '../gateway-error';
import { jsonBody } from '../http/json-body';
import { headersOf, visitOf } from '../http/visits';
import { validate } from '../openai/parse-body';
import { SPEECH_HANDLER, TALKERS } from '../tokens';
import { speechSchema } from './speech.schema';
import type { SpeechHandler } from './speech-handler';
import type { Talkers } from './talkers';

@Controller('v1/audio')
export class AudioController {
  constructor(
    @Inject(TALKERS) private readonly talkers: Talkers,
    @Inject(SPEECH_HANDLER) private readonly speech: SpeechHandler,
  ) {}

  @Post('speech')
  @HttpCode(200)
  speak(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { full } = wishFromHeaders(headersOf(request));
    const visit = visitOf(request);
    if (!visit) throw new GatewayError('internal', 'the request has no visit');
    return this.speech.handle(validate(speechSchema, jsonBody(request)), full, visit, reply);
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
}
