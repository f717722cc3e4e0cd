import type { AnswerCall, AnswerEnd, AnswerPiece } from '../answer/answer';
import { CallParser, type CallRules, type Parsed } from './call-parser';

export interface CallSource {
  rules: CallRules;
  /** What the answer begins with that no piece holds: what was put into the model's mouth, and what its caller has. */
  prefix: string;
  /** Of the answer's call number `index`. */
  idOf(index: number): string;
}

/** The same answer with the calls of tools taken out of its text. Its pieces keep their tokens. */
export async function* takeCalls(
  events: AsyncIterable<AnswerPiece | AnswerEnd>,
  { rules, prefix, idOf }: CallSource,
): AsyncGenerator<AnswerPiece | AnswerEnd> {
  const parser = new CallParser(rules);
  let count = parser.push(prefix).calls.length;
  let stage = 0;
  const shown = ({ text, calls }: Parsed): { text: string; calls: AnswerCall[] } => ({
    text,
    calls: calls.map((call) => ({ ...call, index: count, id: idOf(count++) })),
  });
  for await (const event of events) {
    if (event.kind === 'end') {
      const { text } = parser.finish();
      if (text !== '') yield { kind: 'piece', text, tokenIds: [], logprobs: [], stage };
      yield { ...event, called: count > 0 };
      return;
    }
    stage = event.stage;
    yield { ...event, ...shown(parser.push(event.text)) };
  }
}
