import { render } from 'preact';
import './style/base.css';
import './style/stages.css';
import './style/layout.css';
import './style/ladder.css';
import './style/answer.css';
import { ChatView } from './answer/chat-view';
import { CompareView } from './answer/compare-view';
import { followProgress } from './ladder/follow';
import { stopLoadWhenHidden } from './load/load-driver';
import { Announcer } from './shell/announcer';
import { Header } from './shell/header';
import { view } from './shell/session';
import { Side } from './shell/side';

function App() {
  return (
    <>
      <Header />
      <Side />
      <main class="main" aria-label={view.value === 'chat' ? 'Chat' : 'Compare two stages'}>
        {view.value === 'chat' ? <ChatView /> : <CompareView />}
      </main>
      <Announcer />
    </>
  );
}

followProgress();
stopLoadWhenHidden();
render(<App />, document.getElementById('app') as HTMLElement);
