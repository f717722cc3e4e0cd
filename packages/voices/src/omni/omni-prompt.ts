import { SpeechError, type TalkerPrompt } from '@zen/speech';

/** Ids of the thinker's vocabulary that say whose turn is whose. */
export interface TurnIds {
  imStart: number;
  user: number;
  assistant: number;
}

export interface OmniPrompt {
  /** What users have said: the talker reads nothing else of a conversation. */
  tokens: Int32Array;
  hidden: Float32Array;
  hiddenAt: Int32Array;
  /** The mark, the role and the line break that begin the answer. */
  begin: Int32Array;
}

const ROLE_TOKENS = 3;

/**
 * The part of the thinker's prompt that the talker is prefilled with. `width`: numbers of a hidden row.
 *
 * @throws SpeechError `bad-input` where it does not hold the beginning of an answer, or rows are of another width
 */
export function omniPrompt(
  { tokenIds, hiddenRows, hiddenPositions }: TalkerPrompt,
  width: number,
  { imStart, user, assistant }: TurnIds,
): OmniPrompt {
  if (hiddenRows.length !== hiddenPositions.length * width) {
    throw new SpeechError('bad-input', `prompt.hidden_rows: must be rows of ${width} numbers`);
  }
  let answer = -1;
  let isUser = false;
  const tokens: number[] = [];
  const rows: number[] = [];
  const hiddenAt: number[] = [];
  let row = 0;
  for (const [at, id] of tokenIds.entries()) {
    if (id === imStart) {
      isUser = tokenIds[at + 1] === user;
      if (tokenIds[at + 1] === assistant) answer = at;
    }
    const isHidden = hiddenPositions[row] === at;
    if (isUser) {
      if (isHidden) {
        hiddenAt.push(tokens.length);
        rows.push(row);
      }
      tokens.push(id);
    }
    if (isHidden) row++;
  }
  if (answer < 0 || answer + ROLE_TOKENS > tokenIds.length) {
    throw new SpeechError('bad-input', 'prompt.token_ids: must hold the beginning of an answer');
  }
  const hidden = new Float32Array(rows.length * width);
  for (const [to, from] of rows.entries()) {
    hidden.set(hiddenRows.subarray(from * width, (from + 1) * width), to * width);
  }
  return {
    tokens: Int32Array.from(tokens),
    hidden,
    hiddenAt: Int32Array.from(hiddenAt),
    begin: Int32Array.from(tokenIds.subarray(answer, answer + ROLE_TOKENS)),
  };
}

/** The same rows in pieces of at most `size`. */
export function* promptPieces({ tokens, hidden, hiddenAt }: OmniPrompt, width: number, size: number) {
  let row = 0;
  for (let from = 0; from < tokens.length; from += size) {
    const to = Math.min(tokens.length, from + size);
    const first = row;
    while ((hiddenAt[row] ?? tokens.length) < to) row++;
    yield {
      tokens: tokens.slice(from, to),
      hidden: hidden.slice(first * width, row * width),
      hiddenAt: hiddenAt.slice(first, row).map((at) => at - from),
      positions: null,
    };
  }
}
