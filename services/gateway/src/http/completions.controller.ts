import { Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Visit } from '../door/visit';
import { GatewayError } from '../gateway-error';
import type { chatSchema } from '../openai/chat.schema';
import { completionSchema } from '../openai/completion.schema';
import { validate } from '../openai/parse-body';
import { hearParts } from '../speech/hear-parts';
import type { Transcriber } from '../speech/transcriber';
import { CHAT_SCHEMA, COMPLETION_HANDLER, TRANSCRIBER } from '../tokens';
import type { CompletionHandler } from './completion-handler';
import { type CompletionRequest, fromChat, fromCompletion } from './completion-request';
import { jsonBody } from './json-body';
import { headersOf, visitOf } from './visits';

@Controller('v1')
export class CompletionsController {
  constructor(
    @Inject(COMPLETION_HANDLER) private readonly handler: CompletionHandler,
    @Inject(CHAT_SCHEMA) private readonly chatBody: ReturnType<typeof chatSchema>,
    @Inject(TRANSCRIBER) private readonly transcriber: Transcriber,
  ) {}

  @Post('chat/completions')
  @HttpCode(200)
  async chat(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const body = validate(this.chatBody, jsonBody(request));
    const heard = await hearParts(body, this.transcriber, knownVisit(request));
    await this.answer(fromChat(heard, headersOf(request)), request, reply);
  }

  @Post('completions')
  @HttpCode(200)
  complete(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const body = validate(completionSchema, jsonBody(request));
    return this.answer(fromCompletion(body, headersOf(request)), request, reply);
  }

  private answer(parsed: CompletionRequest, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    return this.handler.handle(parsed, knownVisit(request), reply);
  }
}

function knownVisit(request: FastifyRequest): Visit {
  const visit = visitOf(request);
  if (!visit) throw new GatewayError('internal', 'the request has no visit');
  return visit;
}
