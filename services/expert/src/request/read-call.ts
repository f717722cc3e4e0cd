import { RowEncoding, type RunExpertsRequest } from '@zen/contracts';
import type { ExpertRows } from '@zen/engine';
import { STAGES } from '@zen/ladder';
import { invalid } from '../expert-error';

/** What bounds a call. */
export interface CallLimits {
  layers: number;
  /** Of each layer. */
  experts: number;
  hiddenSize: number;
  /** Of all outputs of a call. */
  answerBytes: number;
}

export interface ReadCall {
  rows: ExpertRows;
  rowCount: number;
  answer: 'f32' | 'bf16';
  /** Of its outputs. */
  answerBytes: number;
}

const MOST_ROWS = 65_536;
/** Columns that share a scale. */
const GROUP = 32;
/** Bytes of a column, and whether scales go with them. */
const ENCODINGS = {
  [RowEncoding.ROW_ENCODING_F32]: { name: 'f32', bytes: 4, scaled: false },
  [RowEncoding.ROW_ENCODING_BF16]: { name: 'bf16', bytes: 2, scaled: false },
  [RowEncoding.ROW_ENCODING_INT8]: { name: 'int8', bytes: 1, scaled: true },
  [RowEncoding.ROW_ENCODING_INT16]: { name: 'int16', bytes: 2, scaled: true },
} as const;
type Known = keyof typeof ENCODINGS;

/** A call in the engine's words, every length and number checked; rows and scales are views of the message. */
export function readCall(request: RunExpertsRequest, limits: CallLimits): ReadCall {
  const { layer, stage, rows, scales } = request;
  below('layer', layer, limits.layers);
  below('stage', stage, STAGES);
  const encoding = ENCODINGS[request.encoding as Known];
  if (!encoding) throw invalid('encoding', `${request.encoding} must be F32, BF16, INT8 or INT16`);
  const { answerEncoding } = request;
  if (answerEncoding !== RowEncoding.ROW_ENCODING_F32 && answerEncoding !== RowEncoding.ROW_ENCODING_BF16) {
    throw invalid('answer_encoding', `${answerEncoding} must be F32 or BF16`);
  }
  const rowBytes = limits.hiddenSize * encoding.bytes;
  const count = rows.length / rowBytes;
  if (!Number.isInteger(count) || count < 1 || count > MOST_ROWS) {
    throw invalid('rows', `${rows.length} bytes must be 1 to ${MOST_ROWS} rows of ${rowBytes}`);
  }
  const scaleBytes = encoding.scaled ? count * (limits.hiddenSize / GROUP) * 4 : 0;
  if (scales.length !== scaleBytes) throw invalid('scales', `${scales.length} bytes, must be ${scaleBytes}`);
  const pairs = readPairs(request, limits, count);
  const answer = answerEncoding === RowEncoding.ROW_ENCODING_F32 ? 'f32' : 'bf16';
  const answerBytes = pairs.pairs.length * limits.hiddenSize * (answer === 'f32' ? 4 : 2);
  if (answerBytes > limits.answerBytes) {
    throw invalid('pairs', `outputs of ${answerBytes} bytes, limit ${limits.answerBytes}`);
  }
  return {
    rows: { layer, stage, encoding: encoding.name, rows, scales: floats(scales), ...pairs },
    rowCount: count,
    answer,
    answerBytes,
  };
}

function readPairs(
  request: RunExpertsRequest,
  { experts }: CallLimits,
  rows: number,
): Pick<ExpertRows, 'experts' | 'counts' | 'pairs'> {
  if (request.experts.length === 0) throw invalid('experts', 'must not be empty');
  if (request.counts.length !== request.experts.length) {
    throw invalid('counts', `${request.counts.length} for ${request.experts.length} experts`);
  }
  let before = -1;
  let sum = 0;
  for (const [index, expert] of request.experts.entries()) {
    if (expert <= before || expert >= experts) {
      throw invalid('experts', `${expert} must be above ${before} and below ${experts}`);
    }
    before = expert;
    const count = request.counts[index]!;
    if (count < 1) throw invalid(`counts[${index}]`, `${count} must be at least 1`);
    sum += count;
  }
  if (sum !== request.pairs.length) throw invalid('pairs', `${request.pairs.length}, counts say ${sum}`);
  const pairs = Int32Array.from(request.pairs);
  const beyond = pairs.findIndex((row) => row < 0 || row >= rows);
  if (beyond >= 0) throw invalid(`pairs[${beyond}]`, `row ${request.pairs[beyond]} must be below ${rows}`);
  return { experts: Int32Array.from(request.experts), counts: Int32Array.from(request.counts), pairs };
}

function below(field: string, value: number, limit: number): void {
  if (value >= limit) throw invalid(field, `${value} must be below ${limit}`);
}

/** A view where the bytes lie so that one is possible. */
function floats(bytes: Buffer): Float32Array {
  const { buffer, byteOffset, length } = byteAligned(bytes);
  return new Float32Array(buffer, byteOffset, length / 4);
}

function byteAligned(bytes: Buffer): Uint8Array {
  return bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
}
