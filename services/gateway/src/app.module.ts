import { type DynamicModule, Module } from '@nestjs/common';
import type { FrontQueue } from './admission/front-queue';
import { AliasesController } from './deltas/admin/aliases.controller';
import { BuildsController } from './deltas/admin/builds.controller';
import type { DeltaDesk } from './deltas/admin/delta-desk';
import type { DeltaLimits } from './deltas/admin/delta-limits';
import { DeltasController } from './deltas/admin/deltas.controller';
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
import type { ClientSecrets } from './realtime/client-secrets';
import { ClientSecretsController } from './realtime/client-secrets.controller';
import { AudioController } from './speech/audio.controller';
import { ChatSpeech } from './speech/chat-speech';
import type { SpeechDesk } from './speech/speech-desk';
import { SpeechHandler } from './speech/speech-handler';
import type { SpeechMetrics } from './speech/speech-metrics';
import type { TranscriptionHandler } from './speech/transcription-handler';
import {
  CHAT_SCHEMA,
  CLIENT_SECRETS,
  COMPLETION_HANDLER,
  DELTA_DESK,
  DELTA_LIMITS,
  FLEET,
  GATE,
  METRICS,
  ORIGINS,
  PAGE,
  PROGRESS,
  QUEUE,
  RUNGS,
  SPEECH_HANDLER,
  STALL_MS,
  TALKERS,
  TRANSCRIBER,
  TRANSCRIPTION_HANDLER,
} from './tokens';

/** What the HTTP side is given; the gRPC side shares it. */
export interface AppParts {
  fleet: Fleet;
  speech: SpeechDesk;
  speechMetrics: SpeechMetrics;
  transcription: TranscriptionHandler;
  corsOrigins: readonly string[];
  gate: Gate;
  metrics: GatewayMetrics;
  /** Null where no page is served. */
  page: PageFiles | null;
  progress: ProgressHub;
  rungs: RungReport;
  queue: FrontQueue;
  secrets: ClientSecrets;
  deltas: DeltaDesk;
  deltaLimits: DeltaLimits;
  maxMessages: number;
  stallMs: number;
}

@Module({})
class AppModule {}

export function appModule(parts: AppParts): DynamicModule {
  const { fleet, speech, speechMetrics, gate, metrics, page, progress, rungs, maxMessages, stallMs } = parts;
  return {
    module: AppModule,
    controllers: [
      CompletionsController,
      AudioController,
      ClientSecretsController,
      ModelsController,
      DeltasController,
      AliasesController,
      BuildsController,
      ProgressController,
      DebugController,
      OperationsController,
      PageController,
    ],
    providers: [
      { provide: FLEET, useValue: fleet },
      { provide: TALKERS, useValue: speech.talkers },
      { provide: TRANSCRIPTION_HANDLER, useValue: parts.transcription },
      { provide: TRANSCRIBER, useValue: parts.transcription.transcriber },
      { provide: ORIGINS, useValue: parts.corsOrigins },
      { provide: SPEECH_HANDLER, useValue: new SpeechHandler(speech, speechMetrics, stallMs) },
      { provide: GATE, useValue: gate },
      { provide: METRICS, useValue: metrics },
      { provide: PAGE, useValue: page },
      { provide: PROGRESS, useValue: progress },
      { provide: QUEUE, useValue: parts.queue },
      { provide: RUNGS, useValue: rungs },
      { provide: DELTA_DESK, useValue: parts.deltas },
      { provide: DELTA_LIMITS, useValue: parts.deltaLimits },
      { provide: CLIENT_SECRETS, useValue: parts.secrets },
      { provide: STALL_MS, useValue: stallMs },
      { provide: CHAT_SCHEMA, useValue: chatSchema(maxMessages) },
      {
        provide: COMPLETION_HANDLER,
        useValue: new CompletionHandler(fleet, stallMs, new ChatSpeech(speech, speechMetrics, fleet)),
      },
    ],
  };
}
