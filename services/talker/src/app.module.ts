import { type DynamicModule, Module } from '@nestjs/common';
import type { Desk } from './desk';
import type { Hearer } from './listening/hearer';
import { TranscriberController } from './listening/transcriber.controller';
import type { Speaker } from './speaking/speaker';
import { TalkerController } from './talker.controller';
import { DESK, HEARER, SPEAKER, STOPPING } from './tokens';

export interface AppParts {
  speaker: Speaker;
  hearer: Hearer;
  desk: Desk;
  stopping: AbortSignal;
}

@Module({})
class AppModule {}

export function appModule({ speaker, hearer, desk, stopping }: AppParts): DynamicModule {
  return {
    module: AppModule,
    providers: [
      TalkerController,
      TranscriberController,
      { provide: SPEAKER, useValue: speaker },
      { provide: HEARER, useValue: hearer },
      { provide: DESK, useValue: desk },
      { provide: STOPPING, useValue: stopping },
    ],
  };
}
