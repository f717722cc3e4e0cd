import { signal } from '@preact/signals';
import { ApiError } from '../api/api-error';
import { serverIsThere } from '../api/server-is-there';
import { type Voice, voices } from '../api/voices';
import { announce } from '../shell/announcer';
import { apiKey, keyWanted, modelName } from '../shell/session';
import { AudioIo } from './audio-io';
import { Connection, type ConnectionEvents } from './connection';
import { historyItems } from './history-items';
import { levelOf, pcmToBase64, WIRE_RATE } from './pcm';
import { type Happening, type Mode, VoiceMachine, type VoiceState, type Wish } from './voice-machine';
import { VoiceProblem } from './voice-problem';

export type Status = 'off' | 'starting' | 'on' | 'lost';

export const status = signal<Status>('off');
/** Why there is no conversation, in words; empty where nothing is wrong. */
export const failure = signal('');
export const mode = signal<Mode>('hold');
export const muted = signal(false);
/** Of the microphone, 0 to 1. */
export const level = signal(0);
export const voiceList = signal<readonly Voice[]>([]);
/** Empty: the server's own choice. */
export const voice = signal('');
export const speed = signal(1);

const machine = new VoiceMachine();
export const conversation = signal<VoiceState>(machine.state);

let audio: AudioIo | null = null;
let connection: Connection | null = null;

/** Begins to listen. Called while the person clicks: only then may a page make a sound. */
export async function start(): Promise<void> {
  if (status.value !== 'off') return;
  status.value = 'starting';
  failure.value = '';
  try {
    audio = await AudioIo.open({
      onCaptured,
      onPlayed: (position) => handle({ t: 'played', position }),
      onFlushed: (cut) => handle({ t: 'flushed', cut }),
      onLost: () => end('The microphone is gone. Connect it, then start again.'),
    });
    voiceList.value = await voices(apiKey.value);
    connection = connect();
  } catch (error) {
    end(inWords(error));
  }
}

export function stop(): void {
  end('');
}

export function press(): void {
  if (status.value === 'on') handle({ t: 'press' });
}

export function release(): void {
  handle({ t: 'release' });
}

export function setMode(wanted: Mode): void {
  release();
  machine.mode = wanted;
  mode.value = wanted;
  update();
}

export function setMuted(wanted: boolean): void {
  muted.value = wanted;
  machine.muted = wanted;
  if (wanted) release();
  announce(wanted ? 'The microphone is muted.' : 'The microphone is on.');
}

export function setSpeed(wanted: number): void {
  speed.value = wanted;
  update();
}

/** A session keeps the voice that it has spoken with, so another voice begins another session. */
export function setVoice(wanted: string): void {
  voice.value = wanted;
  reconnect();
}

export function clear(): void {
  machine.clear();
  reconnect();
}

function reconnect(): void {
  if (connection) {
    connection.close();
    connection = connect();
  }
  show();
}

function connect(): Connection {
  const key = apiKey.value;
  const events: ConnectionEvents = {
    onBegin: () => {
      grant(machine.reset());
      connection?.send({ type: 'session.update', session: sessionNow() });
      for (const item of historyItems(machine.state.turns)) {
        connection?.send({ type: 'conversation.item.create', item });
      }
      turnTo('on');
    },
    onResumed: () => turnTo('on'),
    onEvent: (event) => handle({ t: 'server', event }),
    onLost: () => turnTo('lost'),
    onGone: (opened) =>
      end(opened ? 'The server went away.' : 'The server does not take spoken conversations now.'),
  };
  return new Connection(modelName.value, key, events, () => serverIsThere(key));
}

/** What the session is to be like, as the controls say. */
function sessionNow(): object {
  const turns = mode.value === 'free' ? { type: 'server_vad' } : null;
  return {
    type: 'realtime',
    include: ['x-zen.timings'],
    audio: {
      // An empty name leaves the choice of the model to the server.
      input: { turn_detection: turns, transcription: { model: '' } },
      output: { speed: speed.value, ...(voice.value === '' ? {} : { voice: voice.value }) },
    },
  };
}

function update(): void {
  connection?.send({ type: 'session.update', session: sessionNow() });
  show();
}

function onCaptured(pcm: Int16Array): void {
  // Silence keeps the server's clock going.
  const heard = muted.value ? new Int16Array(pcm.length) : pcm;
  level.value = levelOf(heard);
  if (connection) handle({ t: 'captured', audio: pcmToBase64(heard), ms: (pcm.length * 1000) / WIRE_RATE });
}

function handle(happening: Happening): void {
  grant(machine.handle(happening, performance.now()));
  show();
}

function grant(wishes: readonly Wish[]): void {
  for (const wish of wishes) {
    switch (wish.t) {
      case 'send':
        connection?.send(wish.event);
        break;
      case 'play':
        audio?.play(wish.itemId, wish.pcm);
        break;
      case 'flush':
        audio?.flush();
        break;
      case 'say':
        announce(wish.text);
    }
  }
}

/** Sound comes 50 times a second and changes nothing most of the time. */
function show(): void {
  if (machine.state !== conversation.value) conversation.value = machine.state;
}

function turnTo(next: Status): void {
  if (status.value === next) return;
  status.value = next;
  if (next === 'on') announce('Connected. You can speak.');
  if (next === 'lost') announce('The connection is lost. Trying again.');
}

function end(why: string): void {
  connection?.close();
  audio?.close();
  connection = null;
  audio = null;
  grant(machine.reset());
  level.value = 0;
  failure.value = why;
  status.value = 'off';
  show();
}

function inWords(error: unknown): string {
  if (error instanceof VoiceProblem) return error.message;
  if (error instanceof ApiError) {
    if (error.code === 'invalid_api_key') keyWanted.value = true;
    return error.message;
  }
  console.error(error);
  return 'This browser cannot be used for sound.';
}
