import { z } from 'zod';
import { optional, unsupported } from '../../openai/sampling.schema';
import {
  detectionField,
  includeField,
  longText,
  maxTokensField,
  modalitiesField,
  noiseReductionField,
  temperatureField,
  toolsField,
  transcriptionField,
  zenField,
} from './session.schema';

const FORMATS = {
  pcm16: { type: 'audio/pcm' },
  g711_ulaw: { type: 'audio/pcmu' },
  g711_alaw: { type: 'audio/pcma' },
} as const;
const format = z.enum(['pcm16', 'g711_ulaw', 'g711_alaw']).transform((name) => FORMATS[name]);

/** The older API names a tool by a word or an object; anything else that is a word is a name. */
export const betaToolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.object({ type: z.literal('function'), name: z.string().max(64) }),
]);

export const betaSession = z
  .object({
    model: optional(z.string().max(256)),
    instructions: optional(longText),
    modalities: optional(modalitiesField),
    voice: optional(z.string().min(1).max(64)),
    speed: optional(z.number().min(0.25).max(4)),
    input_audio_format: optional(format),
    output_audio_format: optional(format),
    input_audio_transcription: transcriptionField,
    turn_detection: detectionField,
    input_audio_noise_reduction: noiseReductionField,
    tools: optional(toolsField),
    tool_choice: optional(betaToolChoice),
    temperature: optional(temperatureField),
    max_response_output_tokens: optional(maxTokensField),
    include: includeField,
    tracing: unsupported('tracing by the client; the gateway has its own'),
    'x-zen': zenField,
  })
  .transform((old) => ({
    type: 'realtime' as const,
    model: old.model,
    instructions: old.instructions,
    output_modalities: old.modalities,
    audio: {
      input: {
        format: old.input_audio_format,
        transcription: old.input_audio_transcription,
        turn_detection: old.turn_detection,
      },
      output: { format: old.output_audio_format, voice: old.voice, speed: old.speed },
    },
    tools: old.tools,
    tool_choice: old.tool_choice,
    temperature: old.temperature,
    max_output_tokens: old.max_response_output_tokens,
    include: old.include,
    'x-zen': old['x-zen'],
  }));

export const betaTranscriptionSession = z
  .object({
    input_audio_format: optional(format),
    input_audio_transcription: transcriptionField,
    turn_detection: detectionField,
    input_audio_noise_reduction: noiseReductionField,
    include: includeField,
  })
  .transform((old) => ({
    type: 'transcription' as const,
    audio: {
      input: {
        format: old.input_audio_format,
        transcription: old.input_audio_transcription,
        turn_detection: old.turn_detection,
      },
    },
    include: old.include,
  }));
