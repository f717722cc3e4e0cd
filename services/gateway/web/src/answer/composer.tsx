import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { canAsk } from '../shell/session';
import { clear, stop, type Talk } from './conversation';

/** Enter sends, Shift+Enter starts a line, Escape stops. The one button sends or stops. */
export function Composer(props: {
  label: string;
  placeholder: string;
  talk: Talk;
  /** Stages to ask, one for each answer; null leaves it to the server. */
  pins: (number | null)[];
  children?: ComponentChildren;
}) {
  const [draft, setDraft] = useState('');
  const field = useRef<HTMLTextAreaElement>(null);
  const { talk, pins } = props;
  const busy = talk.running.value !== null;
  const send = () => {
    const prompt = draft.trim();
    if (prompt === '' || busy || !canAsk.value) return;
    setDraft('');
    void talk.ask(prompt, pins);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && busy) stop(talk);
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  const onSubmit = (event: Event) => {
    event.preventDefault();
    if (busy) stop(talk);
    else send();
    field.current?.focus();
  };
  const onClear = () => {
    clear(talk);
    field.current?.focus();
  };
  return (
    <form class="composer" onSubmit={onSubmit}>
      <div class="row options">
        {props.children}
        <button type="button" class="quiet" onClick={onClear}>
          Clear
        </button>
      </div>
      <div class="row field">
        <label class="hidden" for="prompt">
          {props.label}
        </label>
        <textarea
          id="prompt"
          ref={field}
          rows={2}
          value={draft}
          placeholder={props.placeholder}
          aria-keyshortcuts="Enter Escape"
          onInput={(event) => setDraft(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        <button type="submit" class="send" disabled={!busy && !canAsk.value}>
          {busy ? 'Stop' : 'Send'}
        </button>
      </div>
    </form>
  );
}
