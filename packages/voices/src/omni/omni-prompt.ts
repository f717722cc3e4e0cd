import { SpeechError, type TalkerPrompt } from '@zen/speech';

/** Ids of the thinker's vocabulary that say whose turn is whose, and what stands for something else than text. */
export interface TurnIds {
  imStart: number;
  user: number;
  assistant: number;
  audio: number;
  image: number;
  video: number;
}

/** Rows that the talker is prefilled with. */
export interface OmniRows {
  tokens: Int32Array;
  hidden: Float32Array;
  hiddenAt: Int32Array;
  positions: Int32Array | null;
}

const ROLE_TOKENS = 3;
const MOST_POSITION = 2 ** 24;

/**
 * The part of the thinker's prompt that the talker is prefilled with, while the prompt comes in pieces: what users have
 * said, for the talker reads nothing else of a conversation, and the mark, the role and the line break that begin the
 * answer. Of turns that are left out no place is left: positions of a user's turn go on where the one before it ended.
 */
export class OmniPrompt {
  /** Rows so far. */
  length = 0;
  private isUser = false;
  /** A mark whose role has not come: the piece's end was between them. */
  private mark: { rope: number[] | null } | null = null;
  private answer: number[] | null = null;
  /** What a turn's positions are moved by, and the first place after all of them. */
  private shift = 0;
  private next = 0;

  /** `width`: numbers of a hidden row; ids below `textVocab` are the thinker's. */
  constructor(
    private readonly ids: TurnIds,
    private readonly width: number,
    private readonly textVocab: number,
  ) {}

  /**
   * What of a piece is the talker's.
   *
   * @throws SpeechError `bad-input` where rows are missing or of another width, or positions are missing
   */
  add({ tokenIds, hiddenRows, hiddenPositions, ropePositions }: TalkerPrompt): OmniRows {
    const { width, textVocab } = this;
    if (hiddenRows.length !== hiddenPositions.length * width) {
      throw new SpeechError('bad-input', `prompt.hidden_rows: must be rows of ${width} numbers`);
    }
    const unknown = tokenIds.find((id) => id >= textVocab);
    if (unknown !== undefined) {
      throw new SpeechError('bad-input', `prompt.token_ids: ${unknown} must be below ${textVocab}`);
    }
    const rows = {
      tokens: [] as number[],
      from: [] as number[],
      hiddenAt: [] as number[],
      positions: [] as number[],
    };
    let row = 0;
    for (const [at, id] of tokenIds.entries()) {
      const rope = ropePositions && [...ropePositions.subarray(3 * at, 3 * at + 3)];
      const isHidden = hiddenPositions[row] === at;
      this.checkKind(id, at, isHidden);
      this.turn(id, rope, rows);
      if (this.isUser) {
        this.checkRow(id, at, isHidden, rope);
        if (isHidden) {
          rows.hiddenAt.push(rows.tokens.length);
          rows.from.push(row);
        }
        this.take(id, rope, rows);
      }
      if (isHidden) row++;
    }
    const hidden = new Float32Array(rows.from.length * width);
    for (const [to, from] of rows.from.entries()) {
      hidden.set(hiddenRows.subarray(from * width, (from + 1) * width), to * width);
    }
    this.length += rows.tokens.length;
    return {
      tokens: Int32Array.from(rows.tokens),
      hidden,
      hiddenAt: Int32Array.from(rows.hiddenAt),
      positions: ropePositions && Int32Array.from(rows.positions),
    };
  }

  /**
   * What begins the answer, after the last piece.
   *
   * @throws SpeechError `bad-input` where it did not come
   */
  begin(): Int32Array {
    if (this.answer?.length !== ROLE_TOKENS) {
      throw new SpeechError('bad-input', 'prompt.token_ids: must hold the beginning of an answer');
    }
    return Int32Array.from(this.answer);
  }

  /** Whose turn it is from this token on; a user's mark is taken once its role is there. */
  private turn(id: number, rope: number[] | null, rows: Taken): void {
    const { imStart, user, assistant } = this.ids;
    if (this.answer && this.answer.length < ROLE_TOKENS) this.answer.push(id);
    if (this.mark) {
      this.isUser = id === user;
      if (id === assistant) this.answer = [imStart, assistant];
      if (this.isUser) {
        this.shift = this.next - (this.mark.rope?.[0] ?? 0);
        this.take(imStart, this.mark.rope, rows);
      }
      this.mark = null;
    }
    if (id === imStart) {
      this.mark = { rope };
      this.isUser = false;
    }
  }

  private take(id: number, rope: number[] | null, rows: Taken): void {
    rows.tokens.push(id);
    if (!rope) return;
    const moved = rope.map((value) => value + this.shift);
    if (moved.some((value) => value < 0 || value >= MOST_POSITION)) {
      throw new SpeechError(
        'bad-input',
        `prompt.rope_positions: must be from its turn's first on, below 2^24 in all`,
      );
    }
    rows.positions.push(...moved);
    this.next = Math.max(this.next, ...moved.map((value) => value + 1));
  }

  private checkKind(id: number, at: number, isHidden: boolean): void {
    const { audio, image, video } = this.ids;
    if (isHidden && id !== audio && id !== image && id !== video) {
      throw new SpeechError('bad-input', `prompt.hidden_positions: ${at} holds ${id}, which is text`);
    }
  }

  private checkRow(id: number, at: number, isHidden: boolean, rope: number[] | null): void {
    const { audio, image, video } = this.ids;
    const isPicture = id === image || id === video;
    if (!isHidden && (isPicture || id === audio)) {
      throw new SpeechError(
        'bad-input',
        `prompt.hidden_positions: must have ${at}, where ${id} stands for sound, a picture or video`,
      );
    }
    if (isPicture && !rope) {
      throw new SpeechError(
        'bad-input',
        `prompt.rope_positions: must be there, ${id} at ${at} stands for a picture or video`,
      );
    }
  }
}

type Taken = { tokens: number[]; positions: number[] };

/** The same rows in pieces of at most `size`. */
export function* promptPieces(
  { tokens, hidden, hiddenAt, positions }: OmniRows,
  width: number,
  size: number,
) {
  let row = 0;
  for (let from = 0; from < tokens.length; from += size) {
    const to = Math.min(tokens.length, from + size);
    const first = row;
    while ((hiddenAt[row] ?? tokens.length) < to) row++;
    yield {
      tokens: tokens.slice(from, to),
      hidden: hidden.slice(first * width, row * width),
      hiddenAt: hiddenAt.slice(first, row).map((at) => at - from),
      positions: positions?.slice(3 * from, 3 * to) ?? null,
    };
  }
}
