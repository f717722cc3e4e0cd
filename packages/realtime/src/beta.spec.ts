import { betaEvent } from './beta';
import { SessionHarness, spoken } from './session.fixture';

const types = (h: SessionHarness) => h.events().flatMap((event) => betaEvent(event, 0.8)?.type ?? []);

it('has the older names of all that a spoken response sends', () => {
  const h = new SessionHarness().say('Hi').client({ type: 'response.create' });
  h.happen(...spoken(h.responseId, 'Hello.'));
  expect(types(h)).toEqual([
    'conversation.item.created',
    'response.created',
    'response.output_item.added',
    'conversation.item.created',
    'response.content_part.added',
    'response.audio_transcript.delta',
    'response.audio.delta',
    'response.audio.done',
    'response.audio_transcript.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.done',
  ]);
});

it('has the older shape of sessions, responses and items', () => {
  const h = new SessionHarness();
  h.client({
    type: 'session.update',
    session: {
      type: 'realtime',
      instructions: 'Be brief.',
      audio: { output: { format: { type: 'audio/pcmu' } } },
    },
  });
  expect(betaEvent(h.event('session.updated'), 0.7)).toMatchObject({
    session: {
      instructions: 'Be brief.',
      modalities: ['audio', 'text'],
      input_audio_format: 'pcm16',
      output_audio_format: 'g711_ulaw',
      temperature: 0.7,
      max_response_output_tokens: 'inf',
      turn_detection: { type: 'server_vad', threshold: 0.5 },
    },
  });
  h.say('Hi').client({ type: 'response.create' });
  h.happen(...spoken(h.responseId, 'Hello.'));
  expect(betaEvent(h.event('response.done'), 0.7)).toMatchObject({
    response: {
      modalities: ['audio', 'text'],
      output: [{ content: [{ type: 'audio', transcript: 'Hello.' }] }],
      output_audio_format: 'g711_ulaw',
    },
  });
});

it('calls sessions for transcription by their own name', () => {
  const h = new SessionHarness({ type: 'transcription' });
  h.client({ type: 'session.update', session: { type: 'transcription' } });
  expect(betaEvent(h.event('session.updated'), 0.7)).toMatchObject({ type: 'transcription_session.updated' });
});
