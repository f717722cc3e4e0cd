import { render } from 'preact';
import './style/base.css';
import './style/stages.css';
import './style/layout.css';
import './style/ladder.css';
import './style/answer.css';
import './style/voice.css';
import { ChatView } from './answer/chat-view';
import { CompareView } from './answer/compare-view';
import { followProgress } from './ladder/follow';
import { stopLoadWhenHidden } from './load/load-driver';
import { Announcer } from './shell/announcer';
import { Header } from './shell/header';
import { type View, view } from './shell/session';
import { Side } from './shell/side';
import { VoiceView } from './voice/voice-view';

const LABEL: Record<View, string> = {
  chat: 'Chat',
  compare: 'Compare two stages',
  voice: 'Spoken conversation',
};

function Current() {
  switch (view.value) {
    case 'chat':
      return <ChatView />;
    case 'compare':
      return <CompareView />;
    case 'voice':
      return <VoiceView />;
  }
}

function App() {
  return (
    <>
      <Header />
      <Side />
      <main class="main" aria-label={LABEL[view.value]}>
        <Current />
      </main>
      <Announcer />
    </>
  );
}

followProgress();
stopLoadWhenHidden();
render(<App />, document.getElementById('app') as HTMLElement);
