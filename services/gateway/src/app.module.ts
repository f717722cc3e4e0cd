import { type DynamicModule, Module } from '@nestjs/common';
import type { FrontQueue } from './admission/front-queue';
import type { Gate } from './door/gate';
import type { Fleet } from './fleet/fleet';
import { CompletionHandler } from './http/completion-handler';
import { CompletionsController } from './http/completions.controller';
import { DebugController } from './http/debug.controller';
import { ModelsController } from './http/models.controller';
import { OperationsController } from './http/operations.controller';
import type { GatewayMetrics } from './observe/gateway-metrics';
import type { RungReport } from './observe/rung-report';
import { chatSchema } from './openai/chat.schema';
import { PageController } from './page/page.controller';
import type { PageFiles } from './page/page-files';
import { ProgressController } from './progress/progress.controller';
import type { ProgressHub } from './progress/progress-hub';
import {
  CHAT_SCHEMA,
  COMPLETION_HANDLER,
  FLEET,
  GATE,
  METRICS,
  PAGE,
  PROGRESS,
  QUEUE,
  RUNGS,
  STALL_MS,
} from './tokens';

/** What the HTTP side is given; the gRPC side shares it. */
export interface AppParts {
  fleet: Fleet;
  gate: Gate;
  metrics: GatewayMetrics;
  /** Null where no page is served. */
  page: PageFiles | null;
  progress: ProgressHub;
  rungs: RungReport;
  queue: FrontQueue;
  maxMessages: number;
  stallMs: number;
}

@Module({})
class AppModule {}

export function appModule(parts: AppParts): DynamicModule {
  const { fleet, gate, metrics, page, progress, rungs, maxMessages, stallMs } = parts;
  return {
    module: AppModule,
    controllers: [
      CompletionsController,
      ModelsController,
      ProgressController,
      DebugController,
      OperationsController,
      PageController,
    ],
    providers: [
      { provide: FLEET, useValue: fleet },
      { provide: GATE, useValue: gate },
      { provide: METRICS, useValue: metrics },
      { provide: PAGE, useValue: page },
      { provide: PROGRESS, useValue: progress },
      { provide: QUEUE, useValue: parts.queue },
      { provide: RUNGS, useValue: rungs },
      { provide: STALL_MS, useValue: stallMs },
      { provide: CHAT_SCHEMA, useValue: chatSchema(maxMessages) },
      { provide: COMPLETION_HANDLER, useValue: new CompletionHandler(fleet, stallMs) },
    ],
  };
}
