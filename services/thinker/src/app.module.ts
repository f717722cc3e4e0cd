import { type DynamicModule, Module } from '@nestjs/common';
import { Answerer, type Observers, type Serving } from './answer/answerer';
import type { ThinkerConfig } from './config';
import { ThinkerController } from './thinker.controller';
import { ANSWERER, CONFIG, SERVING, STOPPING } from './tokens';

export interface AppParts {
  config: ThinkerConfig;
  serving: Serving;
  observers: Observers;
  stopping: AbortSignal;
}

@Module({})
class AppModule {}

export function appModule({ config, serving, observers, stopping }: AppParts): DynamicModule {
  return {
    module: AppModule,
    providers: [
      ThinkerController,
      { provide: CONFIG, useValue: config },
      { provide: SERVING, useValue: serving },
      { provide: STOPPING, useValue: stopping },
      { provide: ANSWERER, useFactory: () => new Answerer(serving, observers) },
    ],
  };
}
