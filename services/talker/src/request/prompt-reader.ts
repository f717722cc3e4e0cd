import type { TalkerPrompt } from '@zen/contracts';
import type { TalkerPrompt as Prompt, VoiceInfo } from '@zen/speech';
import { invalid } from '../talker-error';

/** Numbers of one hidden vector. */
const MAX_HIDDEN = 16_384;
const MAX_ROPE = 2 ** 24 - 1;

/** Of all pieces together. */
export interface PromptBounds {
  tokens: number;
  rowBytes: number;
}

const BOUNDS: PromptBounds = { tokens: 262_144, rowBytes: 128 * 2 ** 20 };

/** Checks a prompt piece by piece. */
export class PromptReader {
  private tokens = 0;
  private rowBytes = 0;
  /** Whether another piece may come. */
  private open = true;
  private pieces = 0;
  private hasRope = false;

  constructor(
    private readonly voice: Pick<VoiceInfo, 'name' | 'takesTokenIds'>,
    private readonly bounds = BOUNDS,
  ) {}

  /** A piece was announced that has not come. */
  get waits(): boolean {
    return this.pieces > 0 && this.open;
  }

  /** Throws a TalkerError that names the field. */
  read({ tokenIds, hiddenRows, hiddenPositions, ropePositions, more }: TalkerPrompt): Prompt {
    const { name, takesTokenIds } = this.voice;
    if (!takesTokenIds) {
      throw invalid('prompt', `${name} speaks text, a prompt is for voices that take token ids`);
    }
    if (!this.open) throw invalid('prompt', 'the piece before it said that it was the last');
    this.tokens += tokenIds.length;
    this.rowBytes += hiddenRows.length;
    if (this.tokens > this.bounds.tokens) {
      throw invalid('prompt.token_ids', `${this.tokens} ids, limit ${this.bounds.tokens}`);
    }
    if (this.rowBytes > this.bounds.rowBytes) {
      throw invalid('prompt.hidden_rows', `${this.rowBytes} bytes, limit ${this.bounds.rowBytes}`);
    }
    // What holds nothing would be counted by nothing.
    if (tokenIds.length === 0 && (more || this.pieces > 0)) {
      throw invalid('prompt.token_ids', 'a piece must have at least one');
    }
    const rows = readRows(tokenIds.length, hiddenRows, hiddenPositions);
    this.checkRope(tokenIds.length, ropePositions);
    this.pieces += 1;
    this.open = more;
    return {
      tokenIds: Uint32Array.from(tokenIds),
      hiddenRows: rows,
      hiddenPositions: Uint32Array.from(hiddenPositions),
      ropePositions: ropePositions.length === 0 ? null : Uint32Array.from(ropePositions),
      more,
    };
  }

  private checkRope(tokens: number, rope: number[]): void {
    const has = rope.length > 0;
    if (has && rope.length !== 3 * tokens) {
      throw invalid('prompt.rope_positions', `${rope.length} for ${tokens} ids, must be three for each`);
    }
    if (this.pieces > 0 && has !== this.hasRope) {
      throw invalid('prompt.rope_positions', 'must be in every piece or in none');
    }
    this.hasRope = has;
    const bad = rope.findIndex((value) => value > MAX_ROPE);
    if (bad >= 0) throw invalid(`prompt.rope_positions[${bad}]`, `${rope[bad]}, limit ${MAX_ROPE}`);
  }
}

function readRows(tokens: number, hiddenRows: Uint8Array, hiddenPositions: number[]): Float32Array {
  let last = -1;
  for (const [index, position] of hiddenPositions.entries()) {
    if (position <= last || position >= tokens) {
      throw invalid(
        `prompt.hidden_positions[${index}]`,
        `${position} must be above the one before it and below ${tokens}`,
      );
    }
    last = position;
  }
  const width = hiddenPositions.length === 0 ? 0 : hiddenRows.length / (4 * hiddenPositions.length);
  const whole = Number.isInteger(width) && width <= MAX_HIDDEN;
  if (
    !whole ||
    (width === 0) !== (hiddenRows.length === 0) ||
    (width === 0) !== (hiddenPositions.length === 0)
  ) {
    throw invalid(
      'prompt.hidden_rows',
      `${hiddenRows.length} bytes are no float32 rows of at most ${MAX_HIDDEN} for ${hiddenPositions.length} positions`,
    );
  }
  // A copy: the message's bytes need not be aligned.
  const rows = new Float32Array(Uint8Array.from(hiddenRows).buffer);
  const bad = rows.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) throw invalid('prompt.hidden_rows', `number ${bad} is not finite`);
  return rows;
}
