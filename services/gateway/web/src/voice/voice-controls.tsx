import { modelName } from '../shell/session';
import { TalkButton } from './talk-button';
import type { Mode } from './voice-machine';
import {
  clear,
  level,
  mode,
  muted,
  setMode,
  setMuted,
  setSpeed,
  setVoice,
  speed,
  start,
  status,
  stop,
  voice,
  voiceList,
} from './voice-session';

const MODES: [Mode, string][] = [
  ['hold', 'Hold to talk'],
  ['free', 'Hands-free'],
];
const SPEEDS = [0.75, 1, 1.25, 1.5, 2];

export function VoiceControls() {
  const off = status.value === 'off';
  return (
    <>
      <div class="row talk">
        <button
          id="prompt"
          type="button"
          class={off ? 'send' : 'send quiet'}
          disabled={off && modelName.value === ''}
          onClick={() => (off ? void start() : stop())}
        >
          {off ? 'Start' : 'End'}
        </button>
        {mode.value === 'hold' && <TalkButton />}
        <Level />
      </div>
      <div class="row options">
        <fieldset class="modes">
          <legend class="hidden">Who says when you speak</legend>
          {MODES.map(([value, label]) => (
            <label key={value}>
              <input
                type="radio"
                name="voice-mode"
                checked={mode.value === value}
                onChange={() => setMode(value)}
              />
              {label}
            </label>
          ))}
        </fieldset>
        <button type="button" class="quiet" aria-pressed={muted.value} onClick={() => setMuted(!muted.value)}>
          {muted.value ? 'Muted' : 'Mute'}
        </button>
        <span class="labelled">
          <label for="voice">Voice</label>
          <select id="voice" value={voice.value} onChange={(event) => setVoice(event.currentTarget.value)}>
            <option value="">automatic</option>
            {voiceList.value.map(({ id, language }) => (
              <option key={id} value={id}>
                {id} ({language})
              </option>
            ))}
          </select>
        </span>
        <span class="labelled">
          <label for="speed">Speed</label>
          <select
            id="speed"
            value={speed.value}
            onChange={(event) => setSpeed(Number(event.currentTarget.value))}
          >
            {SPEEDS.map((one) => (
              <option key={one} value={one}>
                {one} ×
              </option>
            ))}
          </select>
        </span>
        <button type="button" class="quiet" onClick={clear}>
          Clear
        </button>
      </div>
    </>
  );
}

function Level() {
  return (
    <span class="labelled level">
      <label for="level">Microphone</label>
      <meter id="level" min={0} max={1} value={muted.value ? 0 : level.value} />
    </span>
  );
}
