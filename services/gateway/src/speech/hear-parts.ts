import type { Visit } from '../door/visit';
import { GatewayError } from '../gateway-error';
import type { ChatBody } from '../openai/chat.schema';
import { MOST_AUDIO_PARTS } from './chat-audio.schema';
import { textTokens } from './speech-usage';
import type { Transcriber } from './transcriber';
import { heardOf } from './transcript-format';

/** A chat in which speech stands as what was said: no model here hears by itself. */
export async function hearParts(body: ChatBody, transcriber: Transcriber, visit: Visit): Promise<ChatBody> {
  const parts = body.messages.flatMap(({ content }) => (Array.isArray(content) ? content : []));
  const spoken = parts.filter(({ type }) => type === 'input_audio').length;
  if (spoken === 0) return body;
  if (spoken > MOST_AUDIO_PARTS) {
    const message = `messages: ${spoken} parts of audio, at most ${MOST_AUDIO_PARTS}`;
    throw new GatewayError('invalid_request', message, { param: 'messages' });
  }
  transcriber.talkers.checkListening();
  await visit.admit(body.model, 0);
  const messages: ChatBody['messages'] = [];
  for (const [at, message] of body.messages.entries()) {
    const { content } = message;
    if (!Array.isArray(content)) {
      messages.push(message);
      continue;
    }
    const heard: typeof content = [];
    for (const [index, part] of content.entries()) {
      const field = `messages[${at}].content[${index}].input_audio.data`;
      const isAudio = part.type === 'input_audio';
      heard.push(
        isAudio ? await hear(part.input_audio as { data: string }, field, transcriber, visit) : part,
      );
    }
    messages.push({ ...message, content: heard });
  }
  return { ...body, messages };
}

async function hear({ data }: { data: string }, field: string, transcriber: Transcriber, visit: Visit) {
  const wish = {
    model: '',
    language: '',
    prompt: '',
    translate: false,
    temperature: 0,
    wordTimes: false,
    segmentTimes: false,
    partials: false,
    field,
  };
  const finals = [];
  for await (const transcript of transcriber.transcripts(Buffer.from(data, 'base64'), wish, visit)) {
    if (transcript.final) finals.push(transcript);
  }
  const { text } = heardOf(finals);
  visit.count(0, textTokens(text));
  return { type: 'text', text };
}
