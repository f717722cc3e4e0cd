import { useEffect, useRef } from 'preact/hooks';
import { Facts } from '../answer/facts';
import { spokenUnits } from './spoken-text';
import { turnFacts } from './turn-facts';
import { conversation } from './voice-session';
import type { AssistantTurn, PersonTurn } from './voice-turn';

/** What was said, while it is said. */
export function CaptionList() {
  const end = useRef<HTMLDivElement>(null);
  const { turns } = conversation.value;
  const newest = turns[turns.length - 1];
  const grown = `${newest?.itemId} ${newest?.text.length}`;
  useEffect(() => end.current?.scrollIntoView({ block: 'end' }), [grown]);
  if (turns.length === 0) return <p class="empty">Start, then talk. What is said is written here.</p>;
  return (
    <>
      <ol class="turns">
        {turns.map((turn) => (
          <li key={turn.itemId} class="turn">
            {turn.who === 'person' ? <Person turn={turn} /> : <Assistant turn={turn} />}
          </li>
        ))}
      </ol>
      <div ref={end} />
    </>
  );
}

const WAITING: Record<PersonTurn['state'], string> = {
  speaking: '…',
  understanding: '…',
  understood: '(nothing was understood)',
  failed: '(not understood)',
};

function Person({ turn: { text, state } }: { turn: PersonTurn }) {
  return (
    <p class="prompt" data-state={state}>
      <span class="hidden">You: </span>
      {text || WAITING[state]}
    </p>
  );
}

function Assistant({ turn }: { turn: AssistantTurn }) {
  const { text, state, playedMs } = turn;
  const said = spokenUnits(turn, playedMs);
  const facts = turnFacts(turn);
  return (
    <article class="answer" aria-label="Answer" data-state={state}>
      <p class="answer-text">
        <span class="said">{text.slice(0, said)}</span>
        {state !== 'cut' && <span class="unsaid">{text.slice(said)}</span>}
      </p>
      {state === 'cut' && <p class="note">Interrupted; the rest was not heard and is forgotten.</p>}
      {facts.length > 0 && <Facts facts={facts} />}
    </article>
  );
}
