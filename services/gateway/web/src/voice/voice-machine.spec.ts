import type { ServerEvent } from './realtime-events';
import { VoiceMachine, type Wish } from './voice-machine';
import type { AssistantTurn } from './voice-turn';

/** 100 ms of sound, 2,400 samples. */
const SOUND = btoa('\0'.repeat(4800));

function started(mode: 'hold' | 'free') {
  const machine = new VoiceMachine();
  machine.mode = mode;
  let now = 1000;
  const wishes: Wish[] = [];
  const go = (happening: Parameters<VoiceMachine['handle']>[0], passMs = 0) => {
    now += passMs;
    wishes.push(...machine.handle(happening, now));
  };
  return {
    machine,
    go,
    server: (event: ServerEvent, passMs = 0) => go({ t: 'server', event }, passMs),
    captured: (ms = 20) => go({ t: 'captured', audio: 'AA==', ms }),
    /** Types of what was sent since the last time; other wishes by their name. */
    done: () => wishes.splice(0).map((wish) => (wish.t === 'send' ? wish.event.type : wish.t)),
    wishes: () => wishes.splice(0),
    answer: () => machine.state.turns.find((turn): turn is AssistantTurn => turn.who === 'assistant'),
  };
}

const APPEND = 'input_audio_buffer.append';
const text = (delta: string): ServerEvent => ({
  type: 'response.output_audio_transcript.delta',
  response_id: 'r',
  item_id: 'a',
  delta,
});
const sound: ServerEvent = {
  type: 'response.output_audio.delta',
  response_id: 'r',
  item_id: 'a',
  delta: SOUND,
};
const created: ServerEvent = { type: 'response.created', response: { id: 'r' } };
const over = (status: string, more: object = {}): ServerEvent => ({
  type: 'response.done',
  response: { id: 'r', status, ...more },
});

describe('push to talk', () => {
  test('sends what is said while the button is held, and what was on its way', () => {
    const { go, captured, done, machine } = started('hold');
    captured();
    expect(done()).toEqual([]);
    go({ t: 'press' });
    expect(machine.state.holding).toBe(true);
    captured(100);
    captured(100);
    go({ t: 'release' });
    expect(done()).toEqual([APPEND, APPEND]);
    captured();
    expect(done()).toEqual([APPEND, 'input_audio_buffer.commit', 'response.create']);
    expect(machine.state.holding).toBe(false);
    captured();
    expect(done()).toEqual([]);
  });

  test('a slip is taken back, and said', () => {
    const { go, captured, done, machine } = started('hold');
    go({ t: 'press' });
    go({ t: 'release' });
    captured();
    expect(done()).toEqual([APPEND, 'input_audio_buffer.clear']);
    expect(machine.state.problem).toContain('too short');
    go({ t: 'press' });
    expect(machine.state.problem).toBe('');
  });

  test('pressing interrupts the answer: silence first, then what was heard of it', () => {
    const { go, server, done, wishes, answer } = started('hold');
    server(created);
    server(text('Well, that is so.'));
    server(sound);
    server(sound);
    go({ t: 'played', position: { itemId: 'a', samples: 1200 } });
    done();
    go({ t: 'press' });
    expect(done()).toEqual(['flush', 'response.cancel']);
    // What was on its way is not heard any more.
    server(sound);
    expect(done()).toEqual([]);
    go({ t: 'flushed', cut: [{ itemId: 'a', samples: 2412 }] });
    expect(wishes()).toEqual([
      {
        t: 'send',
        event: { type: 'conversation.item.truncate', item_id: 'a', content_index: 0, audio_end_ms: 100 },
      },
    ]);
    server(over('cancelled'));
    expect(answer()).toMatchObject({ state: 'cut', playedMs: 100.5 });
    go({ t: 'played', position: { itemId: 'a', samples: 4800 } });
    expect(answer()?.playedMs).toBe(100.5);
  });

  test('is not possible while muted', () => {
    const { machine, go, captured, done } = started('hold');
    machine.muted = true;
    go({ t: 'press' });
    captured(500);
    expect(done()).toEqual([]);
    expect(machine.state.holding).toBe(false);
  });
});

describe('hands free', () => {
  test('sends everything; a turn is shown as it is understood', () => {
    const { server, captured, done, machine } = started('free');
    captured();
    captured();
    expect(done()).toEqual([APPEND, APPEND]);
    server({ type: 'input_audio_buffer.speech_started', item_id: 'p' });
    expect(machine.state).toMatchObject({
      hearing: true,
      turns: [{ who: 'person', itemId: 'p', text: '', state: 'speaking' }],
    });
    const delta = 'conversation.item.input_audio_transcription.delta';
    server({ type: delta, item_id: 'p', delta: 'What ' });
    server({ type: 'input_audio_buffer.speech_stopped', item_id: 'p' });
    server({ type: delta, item_id: 'p', delta: 'now' });
    expect(machine.state).toMatchObject({
      hearing: false,
      turns: [{ text: 'What now', state: 'understanding' }],
    });
    server({
      type: 'conversation.item.input_audio_transcription.completed',
      item_id: 'p',
      transcript: ' What now? ',
    });
    server({ type: 'input_audio_buffer.committed', item_id: 'p' });
    expect(machine.state.turns).toMatchObject([{ text: 'What now?', state: 'understood' }]);
    expect(done()).toEqual(['say']);
  });

  test('an answer plays, its caption has its sound, and its facts and times are kept', () => {
    const { server, go, done, answer, wishes } = started('free');
    server({ type: 'input_audio_buffer.speech_started', item_id: 'p' });
    server({ type: 'input_audio_buffer.speech_stopped', item_id: 'p' });
    server(created, 30);
    server(text('Yes. '));
    server(text('No.'));
    server({
      type: 'x-zen.response.clause',
      item_id: 'a',
      text_start: 0,
      text_end: 4,
      audio_start_ms: 0,
      audio_end_ms: 100,
    });
    done();
    server(sound, 70);
    const [play] = wishes();
    expect(play).toMatchObject({ t: 'play', itemId: 'a' });
    expect(play?.t === 'play' && play.pcm.length).toBe(2400);
    expect(answer()).toMatchObject({ text: 'Yes. No.', soundMs: 100, whole: false, heardMs: null });
    go({ t: 'played', position: { itemId: 'a', samples: 480 } }, 15);
    go({ t: 'played', position: { itemId: 'a', samples: 960 } }, 20);
    const facts = { stage: 2, voice_quality: 'reduced' as const, timings: { first_audio_ms: 90 } };
    server({ type: 'response.output_audio.done', item_id: 'a' });
    server(over('completed', { 'x-zen': facts }));
    expect(answer()).toMatchObject({
      heardMs: 115,
      playedMs: 40,
      whole: true,
      state: 'answered',
      facts,
      stretches: [{ textStart: 0, textEnd: 4, startMs: 0, endMs: 100 }],
    });
  });

  test('speech interrupts what still plays after the answer was made', () => {
    const { server, go, done, wishes, answer } = started('free');
    server(created);
    server(sound);
    server(over('completed'));
    go({ t: 'played', position: { itemId: 'a', samples: 240 } });
    done();
    server({ type: 'input_audio_buffer.speech_started', item_id: 'p' });
    // The server cancels by itself what is still being made.
    expect(done()).toEqual(['flush']);
    go({ t: 'flushed', cut: [{ itemId: 'a', samples: 720 }] });
    expect(wishes()).toMatchObject([{ event: { audio_end_ms: 30 } }]);
    expect(answer()?.state).toBe('cut');
  });

  test('an answer that was heard to its end is left alone', () => {
    const { server, go, done } = started('free');
    server(created);
    server(sound);
    server(over('completed'));
    go({ t: 'played', position: { itemId: 'a', samples: 2400 } });
    done();
    server({ type: 'input_audio_buffer.speech_started', item_id: 'p' });
    expect(done()).toEqual([]);
  });

  test('one that is cut while its sound keeps it waiting is told too', () => {
    const { server, go, wishes, done } = started('free');
    server(created);
    server(sound);
    go({ t: 'played', position: { itemId: 'a', samples: 2400 } });
    done();
    server({ type: 'input_audio_buffer.speech_started', item_id: 'p' });
    go({ t: 'flushed', cut: [] });
    expect(wishes()).toMatchObject([{ t: 'flush' }, { event: { audio_end_ms: 100 } }]);
  });
});

test('what fails is said, once it matters', () => {
  const { server, machine, answer } = started('free');
  server({ type: 'error', error: { code: 'response_cancel_not_active', message: 'no' } });
  expect(machine.state.problem).toBe('');
  server({ type: 'error', error: { code: 'unavailable', message: 'no talker' } });
  expect(machine.state.problem).toBe('no talker');
  server(created);
  server(text('So'));
  server(over('failed', { status_details: { error: { message: 'the model is gone' } } }));
  expect(machine.state.problem).toBe('the model is gone');
  expect(answer()?.state).toBe('failed');
});

test('a connection that is lost for good leaves nothing open', () => {
  const { server, machine, go, done } = started('free');
  server({ type: 'input_audio_buffer.speech_started', item_id: 'p' });
  server(created);
  server(text('So'));
  expect(machine.reset()).toEqual([{ t: 'flush' }]);
  expect(machine.state).toMatchObject({ hearing: false, turns: [{ state: 'failed' }, { state: 'cut' }] });
  go({ t: 'flushed', cut: [{ itemId: 'a', samples: 1 }] });
  expect(done()).toEqual([]);
});
