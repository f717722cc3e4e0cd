import { ApiError, refusalOf } from './api-error';
import { authorization } from './chat';
import { sseData } from './sse';

/** How far a stage agrees with the source model, as measured when it was packed. */
export interface Quality {
  top1: number;
  kl_mean: number;
  perplexity_ratio: number;
}

export interface StageReport {
  stage: number;
  bytes: number;
  bits_per_linear_weight: number;
  servable: boolean;
  attached: boolean;
  quality: Quality | null;
}

export interface ReplicaReport {
  state: string;
  reason: string;
  bytes_per_second: number;
  requests_in_flight: number;
  corrupt_chunks: number;
  stages: { stage: number; state: string; bytes_present: number; attached: boolean }[];
}

export interface ModelReport {
  id: string;
  family: string | null;
  min_servable_stage: number;
  stages: StageReport[];
  replica_count: number;
  replicas: ReplicaReport[];
}

export interface ProgressReport {
  models: ModelReport[];
}

/** Reports as they come, until the connection ends or `signal` aborts. Throws an ApiError. */
export async function* progress(key: string, signal: AbortSignal): AsyncGenerator<ProgressReport> {
  try {
    const headers = { accept: 'text/event-stream', ...authorization(key) };
    const response = await fetch('/v1/zen/progress', { headers, signal });
    if (!response.ok || !response.body) throw await refusalOf(response);
    for await (const data of sseData(response.body)) yield JSON.parse(data);
  } catch (error) {
    if (!signal.aborted) throw ApiError.from(error);
  }
}
