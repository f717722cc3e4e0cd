import { useEffect, useRef } from 'preact/hooks';
import { AnswerCard } from './answer-card';
import { again, type Talk, type Turn } from './conversation';

/** Nearer to the end than this counts as reading along, pixels. */
const NEAR_END = 80;

export function TurnList({ talk, empty }: { talk: Talk; empty: string }) {
  const end = useRef<HTMLDivElement>(null);
  const turns = talk.turns.value;
  const newest = turns[turns.length - 1];
  useFollowedEnd(end, newest);
  if (turns.length === 0) return <p class="empty">{empty}</p>;
  return (
    <>
      <ol class="turns">
        {turns.map((turn) => (
          <li key={turn.id} class="turn">
            <p class="prompt">
              <span class="hidden">You: </span>
              {turn.prompt}
            </p>
            <div class={turn.answers.length > 1 ? 'answers two' : 'answers'}>
              {turn.answers.map((answer, at) => (
                <div key={turn.pins[at] ?? at}>
                  {turn.answers.length > 1 && <h3>Stage {turn.pins[at]}</h3>}
                  <AnswerCard
                    answer={answer}
                    title={turn.answers.length > 1 ? `Answer of stage ${turn.pins[at]}` : 'Answer'}
                    onAgain={() => void again(talk, turn)}
                  />
                </div>
              ))}
            </div>
          </li>
        ))}
      </ol>
      <div ref={end} />
    </>
  );
}

/** Keeps the end in view while it grows, unless the reader has scrolled away from it. */
function useFollowedEnd(end: { current: HTMLDivElement | null }, newest: Turn | undefined): void {
  const count = newest?.id;
  useEffect(() => {
    end.current?.scrollIntoView({ block: 'end' });
  }, [count, end]);
  useEffect(() => {
    const box = end.current?.closest('.scroll') as HTMLElement | null;
    if (!newest || !box) return;
    let follows = true;
    const onScroll = () => {
      follows = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END;
    };
    box.addEventListener('scroll', onScroll, { passive: true });
    const stops = newest.answers.map((answer) =>
      answer.subscribe(() => {
        if (follows) queueMicrotask(() => end.current?.scrollIntoView({ block: 'end' }));
      }),
    );
    return () => {
      box.removeEventListener('scroll', onScroll);
      for (const stop of stops) stop();
    };
  }, [newest, end]);
}
