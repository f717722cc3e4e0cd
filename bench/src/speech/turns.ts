import { type Answered, RealtimeCaller, unanswered } from './realtime-caller';
import type { SpeechStack } from './speech-stack';

const SESSION = {
  instructions: 'You are a friendly assistant. Answer in one short sentence.',
  audio: { input: { turn_detection: null }, output: { voice: 'heart' } },
};
const ANSWER_TOKENS = 48;

/** A new conversation whose caller says when their turn is over. */
export function converse(
  { gateway, model }: SpeechStack,
  maxTokens = ANSWER_TOKENS,
): Promise<RealtimeCaller> {
  return RealtimeCaller.open(gateway, model, { ...SESSION, max_output_tokens: maxTokens });
}

/** Speaks a question and hears the answer, without waiting until it has been played. */
export async function turn(caller: RealtimeCaller, question: Int16Array): Promise<Answered> {
  await caller.speak(question);
  return caller.commit();
}

/** One turn of a conversation of its own; where it fails it says so and counts as unanswered. */
export async function attempt(
  stack: SpeechStack,
  question: Int16Array,
  after: (answer: Answered) => Promise<void> = async () => {},
): Promise<Answered> {
  let caller: RealtimeCaller | undefined;
  try {
    caller = await converse(stack);
    const answer = await turn(caller, question);
    await after(answer);
    return answer;
  } catch (error) {
    console.error(`speech: a turn failed: ${(error as Error).message}`);
    return unanswered('failed');
  } finally {
    caller?.close();
  }
}

/** Until what was answered would have been heard to its end. */
export async function listenOut({ frames, doneMs }: Answered): Promise<void> {
  const first = frames[0];
  if (!first) return;
  const playedMs = first.atMs + frames.reduce((sum, { durationMs }) => sum + durationMs, 0);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, playedMs - doneMs)));
}

/** `sessions` callers, each `count` turns one after the other, as people do: nobody asks before the answer is over. */
export async function closedLoop(
  stack: SpeechStack,
  sessions: number,
  count: number,
  questions: readonly Int16Array[],
): Promise<Answered[]> {
  const all = await Promise.all(
    Array.from({ length: sessions }, async (_, session) => {
      const answers: Answered[] = [];
      // Not all in the same moment.
      await new Promise((resolve) => setTimeout(resolve, session * 170));
      for (let i = 0; i < count; i++) {
        const question = questions[(session + i) % questions.length] as Int16Array;
        answers.push(await attempt(stack, question, listenOut));
      }
      return answers;
    }),
  );
  return all.flat();
}

/** A new caller every `everyMs`, however long the others take. */
export async function openLoop(
  stack: SpeechStack,
  count: number,
  everyMs: number,
  questions: readonly Int16Array[],
): Promise<Answered[]> {
  const started = performance.now();
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      await new Promise((resolve) => setTimeout(resolve, started + i * everyMs - performance.now()));
      return attempt(stack, questions[i % questions.length] as Int16Array);
    }),
  );
}
