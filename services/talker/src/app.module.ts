import { type DynamicModule, Module } from '@nestjs/common';
import type { Desk } from './desk';
import type { Speaker } from './speaking/speaker';
import { TalkerController } from './talker.controller';
import { DESK, SPEAKER, STOPPING } from './tokens';

export interface AppParts {
  speaker: Speaker;
  desk: Desk;
  stopping: AbortSignal;
}

@Module({})
class AppModule {}

export function appModule({ speaker, desk, stopping }: AppParts): DynamicModule {
  return {
    module: AppModule,
    providers: [
      TalkerController,
      { provide: SPEAKER, useValue: speaker },
      { provide: DESK, useValue: desk },
      { provide: STOPPING, useValue: stopping },
    ],
  };
}
