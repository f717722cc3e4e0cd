import { RowEncoding, RunExpertsRequest } from '@zen/contracts';
import type { RowEncoding as Encoding, ExpertCall } from '@zen/engine';

const ENCODINGS: Record<Encoding, { wire: RowEncoding; bytes: number }> = {
  f32: { wire: RowEncoding.ROW_ENCODING_F32, bytes: 4 },
  bf16: { wire: RowEncoding.ROW_ENCODING_BF16, bytes: 2 },
  int8: { wire: RowEncoding.ROW_ENCODING_INT8, bytes: 1 },
  int16: { wire: RowEncoding.ROW_ENCODING_INT16, bytes: 2 },
};

/** Where each expert's pairs begin in a call's, with the end of all. */
export function pairOffsets({ counts }: Pick<ExpertCall, 'counts'>): Int32Array {
  const offsets = new Int32Array(counts.length + 1);
  for (let at = 0; at < counts.length; at++) {
    offsets[at + 1] = (offsets[at] as number) + (counts[at] as number);
  }
  return offsets;
}

export interface CallPart {
  id: bigint;
  /** Indices of the call's experts, ascending. */
  experts: readonly number[];
  offsets: Int32Array;
  deadlineUs: number;
}

/** A part of a call for one pod: only the rows that its experts need, each once. */
export function callMessage(
  call: ExpertCall,
  hiddenSize: number,
  { id, experts, offsets, deadlineUs }: CallPart,
): RunExpertsRequest {
  const { wire, bytes } = ENCODINGS[call.encoding];
  const rowBytes = hiddenSize * bytes;
  const rows = call.rows.byteLength / rowBytes;
  const pairs: number[] = [];
  for (const at of experts) {
    const end = offsets[at + 1] as number;
    for (let pair = offsets[at] as number; pair < end; pair++) pairs.push(call.pairs[pair] as number);
  }
  const chosen = experts.length === call.experts.length ? null : usedRows(pairs, rows);
  return {
    id,
    cancel: false,
    layer: call.layer,
    stage: call.stage,
    encoding: wire,
    rows: pick(call.rows, rowBytes, chosen),
    scales: pick(call.scales, (call.scales.byteLength / Math.max(1, rows)) | 0, chosen),
    experts: experts.map((at) => call.experts[at] as number),
    counts: experts.map((at) => call.counts[at] as number),
    pairs: chosen ? pairs.map((row) => chosen.place[row] as number) : pairs,
    answerEncoding: RowEncoding.ROW_ENCODING_F32,
    deadlineUs,
  };
}

export function cancelMessage(id: bigint): RunExpertsRequest {
  return RunExpertsRequest.fromPartial({ id, cancel: true });
}

/** Rows in ascending order and the new place of each; null where that is all of them. */
function usedRows(pairs: readonly number[], rows: number): { rows: number[]; place: Int32Array } | null {
  const place = new Int32Array(rows).fill(-1);
  for (const row of pairs) place[row] = 0;
  const used: number[] = [];
  for (let row = 0; row < rows; row++) if (place[row] === 0) place[row] = used.push(row) - 1;
  return used.length === rows ? null : { rows: used, place };
}

function pick(
  from: Uint8Array | Float32Array,
  rowBytes: number,
  chosen: { rows: readonly number[] } | null,
): Buffer {
  const all = Buffer.from(from.buffer, from.byteOffset, from.byteLength);
  if (!chosen || rowBytes === 0) return all;
  const picked = Buffer.allocUnsafe(chosen.rows.length * rowBytes);
  for (const [at, row] of chosen.rows.entries()) {
    all.copy(picked, at * rowBytes, row * rowBytes, (row + 1) * rowBytes);
  }
  return picked;
}
