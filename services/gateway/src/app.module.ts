import { type DynamicModule, Module } from '@nestjs/common';
import type { Gate } from './door/gate';
import type { Fleet } from './fleet/fleet';
import { CompletionHandler } from './http/completion-handler';
import { CompletionsController } from './http/completions.controller';
import { ModelsController } from './http/models.controller';
import { OperationsController } from './http/operations.controller';
import type { GatewayMetrics } from './observe/gateway-metrics';
import { chatSchema } from './openai/chat.schema';
import { CHAT_SCHEMA, COMPLETION_HANDLER, FLEET, GATE, METRICS } from './tokens';

/** What the HTTP side is given; the gRPC side shares it. */
export interface AppParts {
  fleet: Fleet;
  gate: Gate;
  metrics: GatewayMetrics;
  maxMessages: number;
  stallMs: number;
}

@Module({})
class AppModule {}

export function appModule({ fleet, gate, metrics, maxMessages, stallMs }: AppParts): DynamicModule {
  return {
    module: AppModule,
    controllers: [CompletionsController, ModelsController, OperationsController],
    providers: [
      { provide: FLEET, useValue: fleet },
      { provide: GATE, useValue: gate },
      { provide: METRICS, useValue: metrics },
      { provide: CHAT_SCHEMA, useValue: chatSchema(maxMessages) },
      { provide: COMPLETION_HANDLER, useValue: new CompletionHandler(fleet, stallMs) },
    ],
  };
}
