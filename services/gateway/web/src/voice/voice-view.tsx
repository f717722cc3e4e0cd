import { useEffect } from 'preact/hooks';
import { CaptionList } from './caption-list';
import { VoiceControls } from './voice-controls';
import { conversation, failure, release, status, stop } from './voice-session';

export function VoiceView() {
  useEffect(() => {
    // A key that is let go elsewhere is never heard of.
    window.addEventListener('blur', release);
    return () => {
      window.removeEventListener('blur', release);
      // Nobody is listened to without seeing it.
      stop();
    };
  }, []);
  const problem = failure.value || conversation.value.problem;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Conversation">
        <CaptionList />
      </section>
      <div class="voice">
        {problem !== '' && (
          <div class="error" role="alert">
            <p>{problem}</p>
          </div>
        )}
        <p class="note" role="status">
          {statusText()}
        </p>
        <VoiceControls />
      </div>
    </>
  );
}

function statusText(): string {
  const { hearing, holding } = conversation.value;
  switch (status.value) {
    case 'off':
      return 'Not listening.';
    case 'starting':
      return 'Connecting …';
    case 'lost':
      return 'The connection is lost; trying again …';
    case 'on':
      return hearing || holding ? 'Listening to you …' : 'Connected.';
  }
}
