import { TalkerServiceDefinition } from '@zen/contracts';
import { client } from '@zen/rpc';
import { REALTIME_RATE } from './realtime-caller';
import { resampled } from './resampled';
import { speakText } from './speak-text';

const QUESTIONS = [
  'What is the capital of France?',
  'How many legs does a spider have?',
  'Tell me a short fact about the moon.',
  'What should I cook tonight?',
];

/**
 * What a caller interrupts with. How soon that is noticed depends on the first sound: a hiss (`Stop`) is the last to be
 * taken for speech, a voiced one the first.
 */
export const INTERRUPTIONS = [
  'Stop, please, I have another question.',
  'Wait a second.',
  'No, that is wrong.',
  'Excuse me, can I say something?',
  'Hold on.',
  'Please stop talking.',
  'Actually, I wanted the other one.',
  'Can you repeat that?',
];

/** Louder than this, of 32,768, somebody speaks. */
const AUDIBLE = 700;

/** Short questions at 24 kHz, spoken by the voice that does not answer. */
export async function spokenQuestions(talker: string, texts = QUESTIONS): Promise<Int16Array[]> {
  const rpc = client(TalkerServiceDefinition, talker);
  try {
    const spoken: Int16Array[] = [];
    for (const text of texts) {
      const { samples, sampleRate } = await speakText(rpc, 'joe', text);
      spoken.push(resampled(samples, sampleRate, REALTIME_RATE));
    }
    return spoken;
  } finally {
    rpc.close();
  }
}

/** From the first audible sample on. */
export function fromItsOnset(samples: Int16Array): Int16Array {
  const onset = samples.findIndex((sample) => Math.abs(sample) > AUDIBLE);
  return samples.subarray(Math.max(0, onset));
}
