import { useEffect } from 'preact/hooks';
import { conversation, muted, press, release, status } from './voice-session';

/** Elements that the space bar means something to. */
const OWN_SPACE = 'input, select, textarea, button, a, summary, [contenteditable]';

/** Held with the pointer, or with the space bar wherever that means nothing else. */
export function TalkButton() {
  useEffect(() => {
    const onDown = (event: KeyboardEvent) => {
      if (event.code !== 'Space' || !isForTalking(event.target)) return;
      event.preventDefault();
      if (!event.repeat) press();
    };
    const onUp = (event: KeyboardEvent) => {
      if (event.code === 'Space') release();
    };
    window.addEventListener('keydown', onDown);
    window.addEventListener('keyup', onUp);
    return () => {
      window.removeEventListener('keydown', onDown);
      window.removeEventListener('keyup', onUp);
    };
  }, []);
  return (
    <button
      id="talk"
      type="button"
      class="hold"
      disabled={status.value !== 'on' || muted.value}
      aria-pressed={conversation.value.holding}
      aria-keyshortcuts="Space"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        press();
      }}
      onPointerUp={release}
      onPointerCancel={release}
    >
      {conversation.value.holding ? 'Let go to send' : 'Hold to talk'}
    </button>
  );
}

function isForTalking(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return true;
  return target.id === 'talk' || target.closest(OWN_SPACE) === null;
}
