import { effect, signal } from '@preact/signals';
import { ApiError } from '../api/api-error';
import { type ModelReport, progress } from '../api/progress';
import { announce } from '../shell/announcer';
import { apiKey, keyWanted, modelName } from '../shell/session';
import { ladderView, modelsOf, namesOf } from './ladder-view';

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;

export const models = signal<ModelReport[]>([]);
/** Why there is no news; empty while the connection stands. */
export const lost = signal('Connecting …');

/** Follows the server's progress while the page is visible: a hidden tab holds no connection. */
export function followProgress(): void {
  let leave = new AbortController();
  const restart = () => {
    leave.abort();
    leave = new AbortController();
    if (!document.hidden) void follow(apiKey.value, leave.signal);
  };
  document.addEventListener('visibilitychange', restart);
  effect(() => {
    apiKey.value;
    restart();
  });
  effect(announceStages);
}

async function follow(key: string, signal: AbortSignal): Promise<void> {
  let waitMs = FIRST_RETRY_MS;
  while (!signal.aborted) {
    try {
      for await (const report of progress(key, signal)) {
        waitMs = FIRST_RETRY_MS;
        lost.value = '';
        take(report.models);
      }
      if (signal.aborted) return;
      lost.value = 'The server went away; trying again …';
    } catch (error) {
      const known = ApiError.from(error);
      lost.value = known.message;
      if (known.code === 'invalid_api_key') {
        keyWanted.value = true;
        return;
      }
      if (known.retryAfterS !== null) waitMs = Math.max(waitMs, known.retryAfterS * 1000);
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(waitMs * 2, MAX_RETRY_MS);
  }
}

function take(news: ModelReport[]): void {
  models.value = news;
  const names = namesOf(news);
  const known = [...names.families, ...names.models];
  if (!known.includes(modelName.value)) modelName.value = known[0] ?? '';
}

let saidServing = new Map<string, number | null>();

/** A new stage is worth a word, a chunk is not. */
function announceStages(): void {
  const now = new Map<string, number | null>();
  for (const ladder of modelsOf(models.value, modelName.value).map(ladderView)) {
    now.set(ladder.model, ladder.serving);
    const before = saidServing.get(ladder.model);
    if (before === ladder.serving || ladder.serving === null) continue;
    const top = ladder.rungs.length - 1;
    announce(`${ladder.model} answers from stage ${ladder.serving} of ${top}.`);
  }
  saidServing = now;
}
