import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { descriptorSetPath } from '@zen/contracts';
import { RpcServer } from '@zen/rpc';
import { type Logger, otlpExporter, startProbes, startTracing } from '@zen/telemetry';
import type { Serving } from './answer/answerer';
import { appModule } from './app.module';
import { limitsOf, promptBytesOf, type ThinkerConfig } from './config';
import { rpcStatus } from './request/rpc-status';
import type { StageBackend } from './serving/engine-backend';
import { measureStage } from './serving/measure-stage';
import type { ServedModel } from './serving/served-model';
import { StageClimb } from './serving/stage-climb';
import { StepLoop } from './serving/step-loop';
import { ThinkerController } from './thinker.controller';
import { ThinkerMetrics } from './thinker-metrics';

export interface Thinker {
  /** `host:port` of the gRPC server. */
  address: string;
  /** `host:port` of the probes, if any. */
  probeAddress: string | undefined;
  /** Settles when climbing is over; rejects if no servable stage could be attached. */
  climbed: Promise<void>;
  /** Finishes running answers for up to the grace, then cancels what is left. */
  stop(): Promise<void>;
}

/** Streams on one connection. */
const MAX_STREAMS = 10_000;
/** Room for what a message holds beside the prompt, and for prompts that are too long to be refused by name. */
const MESSAGE_SLACK_BYTES = 16 * 2 ** 20;

/** Serves a model: answers from its first servable stage on, and climbs while it answers. */
export async function startThinker(
  config: ThinkerConfig,
  model: ServedModel,
  backend: StageBackend,
  logger: Logger,
): Promise<Thinker> {
  const tracing = startTracing('thinker', otlpExporter(config.otlpEndpoint));
  const stopping = new AbortController();
  const loop: StepLoop = new StepLoop(backend, limitsOf(config, model.contextTokens), {
    step: (plan, elapsedUs) => metrics.step(plan, elapsedUs),
    stepFailed: (err) => {
      metrics.stepFailed();
      logger.error({ err }, 'step failed');
    },
  });
  const climb = new StageClimb(backend, model.stages.length, model.minServable, {
    attached: (stage, elapsedMs) => {
      logger.info({ stage, elapsedMs: Math.round(elapsedMs) }, 'stage attached');
      loop.scheduler.setTopStage(stage);
      if (climb.ready) server.setServing(true);
    },
    failed: (stage, err) => logger.error({ stage, err }, 'stage not attached'),
  });
  const metrics = new ThinkerMetrics(loop, climb, model);
  const { contextTokens } = loop.scheduler;
  const limits = {
    promptTokens: contextTokens - 1,
    promptBytes: promptBytesOf(config, contextTokens),
    hiddenSize: model.hiddenSize,
    vocabSize: model.vocabSize,
  };
  const serving: Serving = { model, loop, climb, limits };
  const observers = { metrics, tracing, logger };
  const app = await NestFactory.createApplicationContext(
    appModule({ config, serving, observers, stopping: stopping.signal }),
    { logger: ['error', 'warn'] },
  );
  const server: RpcServer = await RpcServer.start([app.get(ThinkerController)], {
    listen: config.listen,
    maxMessageBytes: MESSAGE_SLACK_BYTES + Math.max(limits.promptBytes, contextTokens * model.hiddenSize * 4),
    maxConcurrentStreams: MAX_STREAMS,
    translate: rpcStatus,
    onError: (err, method) => logger.error({ err, method }, 'call failed'),
    descriptorSetPath,
  });
  const probes =
    config.probeListen === undefined
      ? undefined
      : await startProbes({
          listen: config.probeListen,
          registry: metrics.registry,
          ready: () => climb.ready && !stopping.signal.aborted,
        });
  loop.start();
  const climbed = climb.run(stopping.signal).then(() => {
    // Not before: attaching takes the cores, and the measures would show it.
    for (let stage = climb.top; stage >= 0; stage--) {
      loop.whenIdle(() => measureStage(stage, model.vocabSize, backend, loop.scheduler));
    }
    if (!climb.ready && !stopping.signal.aborted) {
      throw new Error(
        `no servable stage: ${climb.top + 1} of at least ${model.minServable + 1} stages attached`,
      );
    }
  });

  async function stop(): Promise<void> {
    stopping.abort();
    await server.stop(config.graceMs);
    await loop.stop();
    await climbed.catch(() => undefined);
    backend.close();
    probes?.stop();
    await app.close();
    await tracing.stop();
  }
  return { address: server.address, probeAddress: probes?.address, climbed, stop };
}
