import { type DynamicModule, Module } from '@nestjs/common';
import { Answerer, type Observers } from './answer/answerer';
import type { ThinkerConfig } from './config';
import type { Replica } from './serving/replica';
import { ThinkerController } from './thinker.controller';
import { ANSWERER, CONFIG, REPLICA, STOPPING } from './tokens';

export interface AppParts {
  config: ThinkerConfig;
  replica: Replica;
  observers: Observers;
  stopping: AbortSignal;
}

@Module({})
class AppModule {}

export function appModule({ config, replica, observers, stopping }: AppParts): DynamicModule {
  return {
    module: AppModule,
    providers: [
      ThinkerController,
      { provide: CONFIG, useValue: config },
      { provide: REPLICA, useValue: replica },
      { provide: STOPPING, useValue: stopping },
      { provide: ANSWERER, useFactory: () => new Answerer(replica, observers) },
    ],
  };
}
