import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Talker } from '@zen/engine';
import type { TalkerPrompt } from '@zen/speech';
import { goldenOf } from '@zen/testing';
import { openOmni } from './open-omni';

/** A tiny random speaker, and what the reference implementation said after a picture of two by two. */
const FOLDER = join(__dirname, '../../../engine/fixtures/omni');
const GREEDY = { temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1.05, seed: 0n };
const golden = goldenOf(readFileSync(join(FOLDER, 'golden.safetensors')));

test("a picture's rows and places give the reference's codes, however the prompt is cut", async () => {
  const codes = golden('mixed.codes');
  const begin = golden('prompt').slice(-3);
  const answer = golden('mixed.answer');
  const files = readdirSync(FOLDER).filter((name) => name === 'model.safetensors');
  const talker = await Talker.open(
    readFileSync(join(FOLDER, 'config.json'), 'utf8'),
    files.map((name) => join(FOLDER, name)),
    { threads: 1, contextTokens: 200, speeches: 1 },
  );
  const speech = talker.openSpeech({ ...GREEDY, speaker: 'chelsie' });
  await speech.prefill({
    tokens: Int32Array.from(golden('mixed.ids')),
    hidden: Float32Array.from(golden('mixed.hidden')),
    hiddenAt: Int32Array.from(golden('mixed.at')),
    positions: Int32Array.from(golden('mixed.positions')),
  });
  await speech.begin(Int32Array.from(begin));
  const made: number[] = [];
  const samples: number[] = [];
  for (let n = 0; made.length < codes.length; n++) {
    const frame = await speech.speak(answer[n] ?? (n === answer.length ? 'end' : 'pad'));
    if (!frame) break;
    made.push(...frame.codes);
    samples.push(...frame.samples);
  }
  expect(made).toEqual(codes);
  await speech.close();
  talker.close();

  const engine = await openOmni({ folder: FOLDER, threads: 1, sessions: 1, temperature: 0 });
  for (const size of [1, 6, 100]) {
    const [first, ...rest] = pieces(size, begin);
    const session = engine.open({
      voice: 'chelsie',
      speed: 1,
      quality: 'full',
      seed: 0n,
      prompt: first as TalkerPrompt,
    });
    for (const piece of rest) session.pushPrompt?.(piece);
    session.push(Uint32Array.from(answer));
    session.end();
    const heard: number[] = [];
    for await (const clause of session.clauses(new AbortController().signal)) {
      heard.push(...clause.samples);
      if (heard.length >= samples.length) break;
    }
    expect(heard).toEqual(samples);
  }
  await engine.close();
});

/** The user's turn after a system's and an answer, which have places of their own. */
function pieces(size: number, begin: number[]): TalkerPrompt[] {
  const before = [90, 92, 95, 7, 91, 90, 94, 95, 12, 91];
  const user = golden('mixed.ids');
  const tokens = [...before, ...user, ...begin];
  const rope = [
    ...before.flatMap((_, at) => [at, at, at]),
    ...golden('mixed.positions').map((at) => at + before.length),
    ...begin.flatMap((_, i) => new Array(3).fill(before.length + 8 + i)),
  ];
  const hidden = golden('mixed.at').map((at) => at + before.length);
  const width = golden('mixed.hidden').length / hidden.length;
  const all: TalkerPrompt[] = [];
  for (let from = 0; from < tokens.length; from += size) {
    const to = Math.min(tokens.length, from + size);
    const rows = [...hidden.keys()].filter(
      (row) => (hidden[row] as number) >= from && (hidden[row] as number) < to,
    );
    all.push({
      tokenIds: Uint32Array.from(tokens.slice(from, to)),
      hiddenRows: Float32Array.from(
        rows.flatMap((row) => golden('mixed.hidden').slice(row * width, (row + 1) * width)),
      ),
      hiddenPositions: Uint32Array.from(rows.map((row) => (hidden[row] as number) - from)),
      ropePositions: Uint32Array.from(rope.slice(3 * from, 3 * to)),
      more: to < tokens.length,
    });
  }
  return all;
}
