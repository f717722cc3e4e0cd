import { z } from 'zod';
import { optional, unsupported } from '../openai/sampling.schema';
import { formatField, voiceField } from './speech.schema';

const INPUT_FORMATS = ['wav', 'mp3'] as const;
/** A body of the largest size holds less than a quarter of an hour of it. */
export const MOST_AUDIO_PARTS = 16;

const MODALITIES = ['text', 'audio'] as const;

/** Speech that a chat is asked with. */
export const inputAudio = z.object({
  data: z.string().regex(/^[A-Za-z0-9+/]+={0,2}$/, 'expected base64'),
  format: z.enum(INPUT_FORMATS, `expected ${INPUT_FORMATS.join(' or ')}`),
});

/** How a chat is to be answered in speech. */
export const chatAudioFields = {
  modalities: optional(
    z
      .array(z.enum(MODALITIES))
      .refine((list) => list.includes('text'), 'must have "text": what is spoken is always told as text too'),
  ),
  audio: optional(z.object({ voice: voiceField, format: formatField(['wav', 'mp3', 'opus', 'pcm16']) })),
};

/** Of an assistant's turn: its audio is not kept. */
export const pastAudio = unsupported('audio of an earlier answer; send its transcript as content');

export type ChatAudioFormat = 'wav' | 'mp3' | 'opus' | 'pcm16';

interface Checked {
  modalities?: readonly string[] | undefined;
  audio?: { format: ChatAudioFormat } | undefined;
  stream?: boolean | undefined;
  n?: number | undefined;
}

/** What fields of a chat must be together. */
export function checkChatAudio({ modalities, audio, stream, n }: Checked, context: z.RefinementCtx): void {
  if (!modalities?.includes('audio')) return;
  const wrong = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
  if (!audio) wrong(['audio'], 'expected the voice and format that modalities ask for');
  else if (stream && audio.format !== 'pcm16') wrong(['audio', 'format'], 'a stream has pcm16');
  if ((n ?? 1) > 1) wrong(['n'], 'one answer is spoken at a time');
}
