import { COSTS, MEMBERS } from './costs.fixture';
import { simulateTable } from './simulate-table';

const OPTIONS = {
  costs: COSTS,
  members: MEMBERS,
  objective: { ttftMs: 1500, tpotMs: 150 },
  size: { promptTokens: 60, meanAnswerTokens: 40 },
  maxQueueMs: 30_000,
  load: {
    capacity: 1.2,
    seconds: 120,
    seed: 1,
    promptTokens: [20, 140],
    answerTokens: [16, 88],
  },
  thresholds: [2, 4, 6, 8],
} as const;

test('try', async () => {
  const started = performance.now();
  const rows = await simulateTable(OPTIONS);
  console.table(
    rows.map(
      ({
        shape,
        policy,
        requests,
        refused,
        violations,
        quality,
        ttftP95Ms,
        tpotP95Ms,
        changes,
        shortestDwellMs,
      }) => ({
        shape,
        policy,
        requests,
        refused,
        violations,
        q: quality.toFixed(3),
        ttft: Math.round(ttftP95Ms),
        tpot: Math.round(tpotP95Ms),
        changes,
        dwell: Math.round(shortestDwellMs ?? 0),
      }),
    ),
  );
  console.log(performance.now() - started);
}, 300000);
