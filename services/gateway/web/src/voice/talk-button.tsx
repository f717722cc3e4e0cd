import { useEffect, useRef } from 'preact/hooks';
import { conversation, muted, press, release, status } from './voice-session';

/** Elements that the space bar means something to. */
const OWN_SPACE = 'input, select, textarea, button, a, summary, [contenteditable]';

/** Held with the pointer, or with the space bar wherever that means nothing else. */
export function TalkButton() {
  const button = useRef<HTMLButtonElement>(null);
  const isOn = status.value === 'on';
  useEffect(() => {
    // Whoever has pressed Start speaks next: a space bar that ended the conversation would be a trap.
    if (isOn && document.activeElement?.id === 'prompt') button.current?.focus();
  }, [isOn]);
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
      ref={button}
      type="button"
      class="hold"
      disabled={!isOn || muted.value}
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
