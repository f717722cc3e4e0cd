import { TalkerServiceDefinition } from '@zen/contracts';
import { client } from '@zen/rpc';
import { median, type Row } from '../report';
import { speakText } from './speak-text';
import type { SpeechStack } from './speech-stack';
import { converse } from './turns';

const PROMPTS = [
  'Tell me about the history of bread in a few sentences.',
  'Describe a walk through a quiet harbour town.',
  'Explain in simple words why the sky is blue.',
];

/**
 * The first audio of a spoken answer against having the whole text first and then the whole audio, for the same
 * questions in writing and by the same processes, in turns.
 */
export async function wholeAnswers(
  stack: SpeechStack,
  rounds: number,
): Promise<{ row: Row; sooner: number }> {
  const talker = client(TalkerServiceDefinition, stack.talker);
  const streamed: number[] = [];
  const whole: number[] = [];
  const audio: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      const prompt = PROMPTS[round % PROMPTS.length] as string;
      const caller = await converse(stack, 120);
      streamed.push((await caller.ask(prompt)).ttfpMs);
      caller.close();
      const started = performance.now();
      const text = await writtenAnswer(stack, prompt);
      const speech = await speakText(talker, 'heart', text);
      whole.push(performance.now() - started);
      audio.push(speech.samples.length / speech.sampleRate);
    }
  } finally {
    talker.close();
  }
  const sooner = median(whole.map((ms, i) => ms / (streamed[i] as number)));
  const row = {
    answer: 'streamed against whole',
    rounds,
    'streamed ttfp p50 ms': median(streamed),
    'whole ttfp p50 ms': median(whole),
    'audio s': median(audio),
    sooner,
  };
  return { row, sooner };
}

async function writtenAnswer({ gateway, model }: SpeechStack, prompt: string): Promise<string> {
  const response = await fetch(`${gateway}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: prompt }], max_tokens: 120 }),
  });
  if (!response.ok) throw new Error(`the gateway answered ${response.status}: ${await response.text()}`);
  const { choices } = (await response.json()) as { choices: { message: { content: string } }[] };
  return choices[0]?.message.content ?? '';
}
