import { RealtimeFailure } from './realtime-error';
import { AUDIO_100MS, SessionHarness, spoken, USAGE } from './session.fixture';

const create = { type: 'response.create' } as const;
const started = (utterance = 0, positionMs = 100) =>
  ({ t: 'speech-started', call: 1, utterance, positionMs }) as const;
const stopped = (utterance = 0, positionMs = 900) =>
  ({ t: 'speech-stopped', call: 1, utterance, positionMs }) as const;
const transcript = (text: string, more: object = {}) =>
  ({
    t: 'transcript',
    call: 1,
    utterance: 0,
    text,
    final: true,
    stableLength: text.length,
    tag: '',
    startMs: 100,
    endMs: 900,
    ...more,
  }) as const;
const append = { type: 'input_audio_buffer.append', audio: AUDIO_100MS } as const;
const message = (role: string, content: string) => ({ role, content });

describe('a written response', () => {
  it('comes in the order of the API', () => {
    const h = new SessionHarness({ modality: 'text' }).say('Hi');
    expect(h.look()).toEqual(['conversation.item.added', 'conversation.item.done']);
    h.client(create);
    const { responseId } = h;
    expect(h.wish('answer')).toMatchObject({ voicing: null, question: { turns: [message('user', 'Hi')] } });
    h.happen(
      { t: 'answering', responseId, model: 'zen', stage: 3, stageReason: 'load' },
      { t: 'text', responseId, text: 'Hel', stage: 3 },
      { t: 'text', responseId, text: 'lo', stage: 3 },
      { t: 'text-ended', responseId, reason: 'stop', usage: USAGE },
      { t: 'limits', limits: [] },
    );
    expect(h.event('response.done').response).toMatchObject({
      status: 'completed',
      output: [{ role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'Hello' }] }],
      usage: { input_tokens: 20, output_tokens: 3, input_token_details: { cached_tokens: 16 } },
      'x-zen': { stage: 3, stage_reason: 'load' },
    });
    expect(h.look()).toEqual([
      'response.created',
      '<answer>',
      'response.output_item.added',
      'conversation.item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'conversation.item.done',
      'response.output_item.done',
      'response.done',
      '<ended>',
      'rate_limits.updated',
    ]);
    h.say('And?').client(create);
    expect(h.wish('answer').question.turns).toEqual([
      message('user', 'Hi'),
      message('assistant', 'Hello'),
      message('user', 'And?'),
    ]);
  });

  it.each([
    ['stop', 'completed', { type: 'completed' }],
    ['length', 'incomplete', { type: 'incomplete', reason: 'max_output_tokens' }],
  ] as const)('that ended with %s is %s', (reason, status, details) => {
    const h = new SessionHarness({ modality: 'text' }).say('Hi').client(create);
    const { responseId } = h;
    h.happen(
      { t: 'text', responseId, text: 'x', stage: 1 },
      { t: 'text-ended', responseId, reason, usage: USAGE },
    );
    expect(h.event('response.done').response).toMatchObject({ status, status_details: details });
  });

  it('is refused beside another one, which goes on', () => {
    const h = new SessionHarness({ modality: 'text' }).say('Hi').client(create);
    const { responseId } = h;
    h.client({ ...create, event_id: 'mine' });
    expect(h.event('error').error).toMatchObject({
      code: 'conversation_already_has_active_response',
      event_id: 'mine',
    });
    h.happen({ t: 'text-ended', responseId, reason: 'stop', usage: USAGE });
    expect(h.look()).toContain('response.done');
  });

  it('that fails says why, and the session goes on', () => {
    const h = new SessionHarness({ modality: 'text' }).say('Hi').client(create);
    const failure = new RealtimeFailure('overloaded', 'full', null, 'rate_limit_error');
    h.happen({ t: 'failed', responseId: h.responseId, failure });
    expect(h.event('response.done').response).toMatchObject({
      status: 'failed',
      status_details: { type: 'failed', error: { code: 'overloaded', type: 'rate_limit_error' } },
    });
    expect(h.client(create).look()).toContain('response.created');
  });

  it('leaves out the older half of a conversation that does not fit', () => {
    const failure = new RealtimeFailure('context_length_exceeded', 'too long');
    const h = new SessionHarness({ modality: 'text', instructions: 'Be brief.' });
    h.say('1').say('2').say('3').say('4').client(create);
    const { responseId } = h;
    h.happen({ t: 'failed', responseId, failure });
    expect(h.wish('answer').question.turns.map(({ content }) => content)).toEqual(['Be brief.', '3', '4']);
    h.happen({ t: 'failed', responseId, failure });
    expect(h.wish('answer').question.turns.map(({ content }) => content)).toEqual(['Be brief.', '4']);
    h.happen({ t: 'failed', responseId, failure });
    expect(h.event('response.done').response.status).toBe('failed');
  });

  it('out of band leaves no trace in the conversation and takes its own input', () => {
    const h = new SessionHarness({ modality: 'text', instructions: 'A' }).say('Hi');
    const { item } = h.event('conversation.item.added');
    h.client({
      ...create,
      response: {
        conversation: 'none',
        metadata: { topic: 'x' },
        instructions: 'B',
        input: [
          { type: 'item_reference', id: item.id } as never,
          { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Now' }] },
        ],
      },
    });
    const { responseId, question } = h.wish('answer');
    expect(question.turns).toEqual([message('system', 'B'), message('user', 'Hi'), message('user', 'Now')]);
    h.look();
    h.client(create);
    h.happen(
      { t: 'text', responseId, text: 'yes', stage: 1 },
      { t: 'text-ended', responseId, reason: 'stop', usage: USAGE },
    );
    expect(h.event('response.done').response).toMatchObject({ metadata: { topic: 'x' }, id: responseId });
    const seen = h.look();
    expect(seen).toContain('response.output_item.added');
    expect(seen).not.toContain('conversation.item.added');
    expect(h.session.active).toBe(true);
  });
});

describe('a spoken response', () => {
  it('comes in the order of the API, the transcript before its audio', () => {
    const h = new SessionHarness().say('Hi').client(create);
    const { responseId } = h;
    expect(h.wish('answer').voicing).toEqual({ voice: '', speed: 1, codec: 'pcm' });
    h.look();
    h.happen(...spoken(responseId, 'Hello there.'));
    expect(h.look()).toEqual([
      'response.output_item.added',
      'conversation.item.added',
      'response.content_part.added',
      'response.output_audio_transcript.delta',
      'response.output_audio.delta',
      'response.output_audio.done',
      'response.output_audio_transcript.done',
      'response.content_part.done',
      'conversation.item.done',
      'response.output_item.done',
      'response.done',
      '<ended>',
    ]);
  });

  it.each([
    [0, ''],
    [400, 'One two'],
    [550, 'One two three'],
    [990, 'One two three four'],
    [1000, 'One two three four five.'],
  ])('cut off after %i ms was heard as %j', (ms, heard) => {
    const h = new SessionHarness().say('Hi').client(create);
    h.happen(...spoken(h.responseId, 'One two three four five.'));
    const { item } = h.event('response.output_item.done');
    h.client({
      type: 'conversation.item.truncate',
      item_id: item.id as string,
      content_index: 0,
      audio_end_ms: ms,
    });
    expect(h.event('conversation.item.truncated').audio_end_ms).toBe(ms);
    h.say('Go on').client(create);
    const turns = h.wish('answer').question.turns.map(({ content }) => content);
    expect(turns).toEqual(heard === '' ? ['Hi', 'Go on'] : ['Hi', heard, 'Go on']);
  });

  it.each([
    ['audio_end_ms', { audio_end_ms: 1001 }, /audio_end_ms: 1001, but the item has 1000 ms/],
    ['content_index', { content_index: 1 }, /content_index/],
    ['item_id', { item_id: 'nobody' }, /no item "nobody"/],
  ])('is not cut off with a wrong %s', (param, wrong, words) => {
    const h = new SessionHarness().say('Hi').client(create);
    h.happen(...spoken(h.responseId, 'One two.'));
    const item_id = h.event('response.output_item.done').item.id as string;
    h.client({ type: 'conversation.item.truncate', item_id, content_index: 0, audio_end_ms: 10, ...wrong });
    expect(h.event('error').error).toMatchObject({ param, message: expect.stringMatching(words) });
  });

  it('keeps its voice once it has spoken', () => {
    const h = new SessionHarness().say('Hi').client(create);
    h.happen(...spoken(h.responseId, 'One.'));
    h.client({ type: 'session.update', session: { type: 'realtime', audio: { output: { voice: 'joe' } } } });
    expect(h.event('error').error.code).toBe('cannot_update_voice');
  });
});

describe('turns that are detected', () => {
  const speak = (h: SessionHarness, text = 'Hello') =>
    h.client(append, append).happen(started(), stopped(), transcript(text));

  it('are committed, understood and answered', () => {
    const h = new SessionHarness({ timings: true });
    h.client(append);
    expect(h.look()).toEqual(['<listen>', '<hear>']);
    h.happen(started());
    expect(h.event('input_audio_buffer.speech_started').audio_start_ms).toBe(100);
    h.happen(stopped());
    expect(h.look()).toEqual([
      'input_audio_buffer.speech_started',
      'input_audio_buffer.speech_stopped',
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
    ]);
    h.wait(40).happen(transcript('Hello'));
    const { responseId, question } = h.wish('answer');
    expect(question.turns).toEqual([message('user', 'Hello')]);
    expect(h.look()).toEqual(['response.created', '<answer>']);
    h.wait(60).happen({ t: 'text', responseId, text: 'Hi.', stage: 1 });
    h.wait(100).happen({ t: 'clause', responseId, textStart: 0, textEnd: 3, startMs: 0, endMs: 100 });
    expect(h.event('x-zen.response.clause')).toMatchObject({
      response_id: responseId,
      text_start: 0,
      text_end: 3,
      audio_start_ms: 0,
      audio_end_ms: 100,
    });
    h.happen(
      { t: 'audio', responseId, audio: AUDIO_100MS, durationMs: 100 },
      { t: 'speech-ended', responseId },
    );
    expect(h.event('response.done').response).toMatchObject({
      'x-zen': {
        timings: { transcript_ms: 40, first_token_ms: 100, first_clause_ms: 200, first_audio_ms: 200 },
      },
    });
  });

  it('tell what was understood where that is wanted, stable words first', () => {
    const input = { codec: 'pcm', transcription: { model: 'w', language: '', prompt: '' } } as const;
    const h = new SessionHarness({ input: { ...new SessionHarness().session.config.input, ...input } });
    h.client(append).happen(started());
    h.happen(transcript('Hello wor', { final: false, stableLength: 6 }));
    h.happen(transcript('Hello would', { final: false, stableLength: 6 }));
    h.happen(stopped(), transcript('Hello world'));
    const told = h.events().flatMap((event): unknown[] => {
      if ('delta' in event) return [event.delta];
      return 'transcript' in event ? [event] : [];
    });
    expect(told).toEqual([
      'Hello ',
      'world',
      expect.objectContaining({ transcript: 'Hello world', usage: { type: 'duration', seconds: 0.8 } }),
    ]);
  });

  it('have their beginning computed while they last, and nothing after', () => {
    const h = new SessionHarness({ instructions: 'Be brief.' });
    h.client(append).happen(started());
    expect(h.wish('prefill').question.turns).toEqual([message('system', 'Be brief.')]);
    h.happen(transcript('What is', { final: false, stableLength: 7 }));
    expect(h.wish('prefill').question.turns).toEqual([
      message('system', 'Be brief.'),
      message('user', 'What is'),
    ]);
    h.look();
    h.happen(transcript('What is', { final: false, stableLength: 7 }));
    expect(h.look()).toEqual([]);
    h.happen(stopped());
    expect(h.look()[0]).toBe('input_audio_buffer.speech_stopped');
    h.happen(transcript('What is it?', { final: false, stableLength: 11 }));
    expect(h.look()).toEqual([]);
  });

  it('interrupt an answer, of which only what was heard stays', () => {
    const h = speak(new SessionHarness());
    const { responseId } = h;
    h.happen(...spoken(responseId, 'One two three four five.').slice(0, -1));
    h.wait(600).look();
    h.happen(started(1, 2000));
    expect(h.event('response.done').response).toMatchObject({
      status: 'cancelled',
      status_details: { type: 'cancelled', reason: 'turn_detected' },
    });
    expect(h.look()).toEqual([
      'input_audio_buffer.speech_started',
      '<cancel>',
      'response.output_audio.done',
      'response.output_audio_transcript.done',
      'response.content_part.done',
      'conversation.item.done',
      'response.output_item.done',
      'response.done',
      '<ended>',
      'output_audio_buffer.cleared',
      '<prefill>',
    ]);
    h.happen({ t: 'audio', responseId, audio: AUDIO_100MS, durationMs: 100 });
    expect(h.look()).toEqual([]);
    h.client(append).happen(stopped(1, 2500), transcript('Stop', { utterance: 1 }));
    expect(h.wish('answer').question.turns.map(({ content }) => content)).toEqual([
      'Hello',
      'One two three',
      'Stop',
    ]);
  });

  it('drop what was sent but not played yet of an answer that is complete', () => {
    const h = speak(new SessionHarness());
    h.happen(...spoken(h.responseId, 'One two three four five.'));
    h.wait(300).look();
    h.happen(started(1, 2000));
    expect(h.look()).toEqual([
      'input_audio_buffer.speech_started',
      'output_audio_buffer.cleared',
      '<prefill>',
    ]);
    h.wait(5000);
    expect(h.client(append).happen(started(2, 2200)).look()).not.toContain('output_audio_buffer.cleared');
  });

  it('do not interrupt where the session says so, and are answered after', () => {
    const detection = {
      ...new SessionHarness().session.config.input.turnDetection,
      interruptResponse: false,
    };
    const h = new SessionHarness();
    h.client({
      type: 'session.update',
      session: {
        type: 'realtime',
        audio: { input: { turn_detection: { type: 'server_vad', interrupt_response: false } } },
      },
    });
    expect(h.session.config.input.turnDetection).toEqual(detection);
    speak(h);
    const { responseId } = h;
    h.happen(...spoken(responseId, 'One.').slice(0, -1)).look();
    h.client(append).happen(started(1), stopped(1), transcript('Two', { utterance: 1 }));
    expect(h.look()).not.toContain('<cancel>');
    h.happen({ t: 'speech-ended', responseId });
    expect(h.look().slice(-2)).toEqual(['response.created', '<answer>']);
  });

  it('are answered together where the user goes on before the answer', () => {
    const h = new SessionHarness();
    h.client(append).happen(started(), stopped(), started(1), transcript('One'));
    expect(h.look()).not.toContain('response.created');
    h.happen(stopped(1), transcript('two', { utterance: 1 }));
    expect(h.wish('answer').question.turns).toEqual([message('user', 'One'), message('user', 'two')]);
  });

  it('of which nothing was understood are not answered', () => {
    const h = speak(new SessionHarness(), ' ');
    expect(h.look()).not.toContain('response.created');
  });

  it('are not answered by themselves where the session says so, but when asked', () => {
    const h = new SessionHarness();
    h.client({
      type: 'session.update',
      session: {
        type: 'realtime',
        audio: { input: { turn_detection: { type: 'semantic_vad', create_response: false } } },
      },
    });
    h.client(append).happen(started(), stopped());
    h.client(create);
    expect(h.look().slice(-1)).toEqual(['response.created']);
    h.happen(transcript('Hello'));
    expect(h.look()).toEqual(['<answer>']);
  });

  it('are asked for again after a silence of the user', () => {
    const h = new SessionHarness();
    h.client({
      type: 'session.update',
      session: {
        type: 'realtime',
        audio: { input: { turn_detection: { type: 'server_vad', idle_timeout_ms: 5000 } } },
      },
    });
    speak(h);
    h.happen(...spoken(h.responseId, 'One.')).look();
    // A second of audio is still being played.
    expect(h.session.nextMs).toBe(6000);
    h.wait(5999).happen({ t: 'time' });
    expect(h.look()).toEqual([]);
    h.wait(1).happen({ t: 'time' });
    expect(h.look()).toEqual([
      'input_audio_buffer.timeout_triggered',
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
      'response.created',
      '<answer>',
    ]);
  });

  it('that cannot be understood are said so', () => {
    const failure = new RealtimeFailure('unavailable', 'no talker', null, 'server_error');
    const h = new SessionHarness();
    h.client(append).happen(started(), stopped());
    h.client(create);
    h.happen({ t: 'listen-failed', call: 1, tag: '', failure });
    expect(h.event('response.done').response.status).toBe('failed');
    expect(h.event('conversation.item.input_audio_transcription.failed').error.code).toBe('unavailable');
    h.look();
    expect(h.client(append).look()).toEqual(['<listen>', '<hear>']);
  });
});

describe('audio that the client commits', () => {
  const manual = () =>
    new SessionHarness({ input: { codec: 'pcm', transcription: null, turnDetection: null } });

  it('becomes an item, and is answered when asked and understood', () => {
    const h = manual().client(append, { type: 'input_audio_buffer.commit' }, create);
    const { tag } = h.wish('commit');
    expect(h.look()).toEqual([
      '<listen>',
      '<hear>',
      '<commit>',
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
      'response.created',
    ]);
    h.happen(transcript('Hello', { tag }));
    expect(h.wish('answer').question.turns).toEqual([message('user', 'Hello')]);
  });

  it.each([
    ['nothing', []],
    ['what was cleared', [append, { type: 'input_audio_buffer.clear' }]],
    ['what was committed', [append, { type: 'input_audio_buffer.commit' }]],
  ] as const)('is not %s', (_, events) => {
    const h = manual().client(...events, { type: 'input_audio_buffer.commit', event_id: 'e1' });
    expect(h.event('error').error).toMatchObject({ code: 'input_audio_buffer_commit_empty', event_id: 'e1' });
  });

  it('has a limit', () => {
    const h = new SessionHarness(
      { input: { codec: 'pcm', transcription: null, turnDetection: null } },
      { maxBufferMs: 150 },
    );
    h.client(append, append, append);
    expect(h.event('error').error).toMatchObject({ code: 'input_audio_buffer_full', param: 'audio' });
  });

  it('is listened to anew when its format changes', () => {
    const h = manual()
      .client(append)
      .client({
        type: 'session.update',
        session: { type: 'realtime', audio: { input: { format: { type: 'audio/pcmu' } } } },
      });
    h.client(append);
    expect(h.wish('listen')).toMatchObject({ call: 2, how: { codec: 'pcmu' } });
  });
});

describe('function calls', () => {
  const tool = { type: 'function' as const, name: 'time', description: 'the time', parameters: {} };

  it('are items with arguments in parts, and their outputs are turns', () => {
    const h = new SessionHarness({ modality: 'text', tools: [tool] }).say('When?').client(create);
    const { responseId, question } = h.wish('answer');
    expect(question.tools).toEqual([tool]);
    h.look();
    h.happen(
      { t: 'call', responseId, callId: 'call_1', name: 'time', arguments: '{"zone":', last: false },
      { t: 'call', responseId, callId: 'call_1', name: 'time', arguments: '"UTC"}', last: true },
      { t: 'text-ended', responseId, reason: 'stop', usage: USAGE },
    );
    expect(h.event('response.function_call_arguments.done').arguments).toBe('{"zone":"UTC"}');
    expect(h.event('response.done').response.output).toMatchObject([
      {
        type: 'function_call',
        name: 'time',
        call_id: 'call_1',
        arguments: '{"zone":"UTC"}',
        status: 'completed',
      },
    ]);
    expect(h.look()).toEqual([
      'response.output_item.added',
      'conversation.item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'conversation.item.done',
      'response.output_item.done',
      'response.done',
      '<ended>',
    ]);
    h.client({
      type: 'conversation.item.create',
      item: { type: 'function_call_output', call_id: 'call_1', output: '12:00' },
    }).client(create);
    expect(h.wish('answer').question.turns.slice(1)).toEqual([
      {
        role: 'assistant',
        content: '',
        calls: [{ id: 'call_1', name: 'time', arguments: '{"zone":"UTC"}' }],
      },
      { role: 'tool', content: '12:00', callId: 'call_1' },
    ]);
  });

  it('take no output that nobody asked for', () => {
    const h = new SessionHarness().client({
      type: 'conversation.item.create',
      item: { type: 'function_call_output', call_id: 'call_9', output: '' },
    });
    expect(h.event('error').error).toMatchObject({ code: 'invalid_call_id', param: 'item.call_id' });
  });
});

describe('items', () => {
  it('are put where the client says, retrieved and deleted', () => {
    const h = new SessionHarness();
    const item = (id: string) =>
      ({ id, type: 'message', role: 'user', content: [{ type: 'input_text', text: id }] }) as const;
    const put = (id: string, after?: string) =>
      h.client({
        type: 'conversation.item.create',
        item: item(id) as never,
        ...(after === undefined ? {} : { previous_item_id: after }),
      });
    put('a');
    put('b');
    put('c', 'a');
    expect(h.event('conversation.item.added').previous_item_id).toBe('a');
    put('d', 'root');
    expect(h.event('conversation.item.added').previous_item_id).toBeNull();
    h.client({ type: 'conversation.item.retrieve', item_id: 'c' });
    expect(h.event('conversation.item.retrieved').item).toMatchObject({ id: 'c', status: 'completed' });
    h.client({ type: 'conversation.item.delete', item_id: 'a' }).client(create);
    expect(h.wish('answer').question.turns.map(({ content }) => content)).toEqual(['d', 'c', 'b']);
  });

  it.each([
    ['conversation.item.delete', 'item_delete_invalid_item_id'],
    ['conversation.item.retrieve', 'item_retrieve_invalid_item_id'],
  ] as const)('that are not there: %s', (type, code) => {
    const h = new SessionHarness().client({ type, item_id: 'x', event_id: 'e' });
    expect(h.event('error').error).toMatchObject({ code, param: 'item_id', event_id: 'e' });
  });

  it('have limits of number and text', () => {
    const few = new SessionHarness({}, { maxItems: 1 }).say('a').say('b');
    expect(few.event('error').error).toMatchObject({ code: 'conversation_full', param: 'item' });
    const short = new SessionHarness({ instructions: 'abc' }, { maxTextUnits: 5 }).say('de').say('f');
    expect(short.event('error').error.message).toBe(
      'item: the session would hold 6 characters, the limit is 5',
    );
  });

  it('make room for what comes by itself', () => {
    const h = new SessionHarness({ modality: 'text' }, { maxItems: 1 }).say('a').client(create);
    const { responseId } = h;
    h.happen({ t: 'text', responseId, text: 'b', stage: 1 });
    expect(h.event('conversation.item.deleted').item_id).toBe('item_2');
  });

  it('that come as audio are understood before they are answered', () => {
    const h = new SessionHarness();
    h.client(
      {
        type: 'conversation.item.create',
        item: { type: 'message', role: 'user', content: [{ type: 'input_audio', audio: AUDIO_100MS }] },
      },
      create,
    );
    const { itemId } = h.wish('transcribe');
    expect(JSON.stringify(h.events())).not.toContain(AUDIO_100MS);
    h.happen(transcript('Hello', { tag: itemId, call: 0 }));
    expect(h.wish('answer').question.turns).toEqual([message('user', 'Hello')]);
  });
});

describe('a response that is cancelled', () => {
  it('ends at once, and what still comes of it is for nobody', () => {
    const h = new SessionHarness({ modality: 'text' }).say('Hi').client(create);
    const { responseId } = h;
    h.happen({ t: 'text', responseId, text: 'Hel', stage: 1 });
    h.look();
    h.client({ type: 'response.cancel' });
    expect(h.event('response.done').response).toMatchObject({
      status: 'cancelled',
      status_details: { reason: 'client_cancelled' },
      output: [{ status: 'incomplete' }],
    });
    expect(h.look()[0]).toBe('<cancel>');
    h.happen({ t: 'text', responseId, text: 'lo', stage: 1 });
    expect(h.look()).toEqual([]);
  });

  it.each([[undefined], ['resp_9']])('has to be there (%s)', (id) => {
    const h = new SessionHarness().client({
      type: 'response.cancel',
      ...(id === undefined ? {} : { response_id: id }),
    });
    expect(h.event('error').error.code).toBe('response_cancel_not_active');
  });
});

describe('a session for transcription', () => {
  it('tells what was said and answers nothing', () => {
    const h = new SessionHarness({
      type: 'transcription',
      input: {
        ...new SessionHarness({ type: 'transcription' }).session.config.input,
        transcription: { model: '', language: '', prompt: '' },
      },
    });
    h.client(append).happen(started(), stopped(), transcript('Hello'));
    const seen = h.look();
    expect(seen).toContain('conversation.item.input_audio_transcription.completed');
    expect(seen).not.toContain('response.created');
    expect(h.client(create).event('error').error.code).toBe('invalid_value');
  });
});

describe('the end of a session', () => {
  it('comes with its time', () => {
    const h = new SessionHarness({}, { maxSessionMs: 1000 }).say('Hi').client(create);
    expect(h.session.nextMs).toBe(1000);
    h.wait(1000).happen({ t: 'time' });
    expect(h.event('error').error.code).toBe('session_expired');
    expect(h.look().slice(-1)).toEqual(['<close>']);
    expect(h.say('x').look()).toEqual([]);
  });

  it('lets a response finish and hands over what was heard', () => {
    const h = new SessionHarness().say('Hi').client(create);
    const { responseId } = h;
    h.happen({ t: 'leaving', now: false });
    expect(h.look()).not.toContain('<close>');
    h.happen(...spoken(responseId, 'One two.'));
    expect(h.event('x-zen.session.handover').items).toMatchObject([{ role: 'user' }, { role: 'assistant' }]);
    expect(h.wish('close')).toEqual({ t: 'close', code: 1001, reason: 'the gateway is shutting down' });
  });

  it('cuts it short where there is no time', () => {
    const h = new SessionHarness().say('Hi').client(create).happen({ t: 'leaving', now: true });
    expect(h.look()).toEqual(
      expect.arrayContaining(['<cancel>', 'response.done', 'x-zen.session.handover', '<close>']),
    );
  });
});
