import { types } from 'node:util';
import { MAX_INT, refuse, stageNumber, whole } from './checks';
import type { ExpertRows, RemoteExperts } from './native-experts';

const ENCODINGS = ['f32', 'bf16', 'int8', 'int16'];
const MOST_STAGE = 4;
/** Of a call; what a layer's shapes allow is checked by the native side, which knows them. */
const MOST_BYTES = 2 ** 31 - 1;

// Arrays are told by their kind and not by their class: those of a dispatch are of the addon's realm.

export function checkRemote({ resident, dispatch }: RemoteExperts): void {
  stageTable('experts.resident', resident, -1);
  if (typeof dispatch !== 'function') refuse('experts.dispatch', 'must be a function');
}

/** [layers][experts] of stages from `least` to 4. */
export function stageTable(name: string, stages: Int8Array, least: number): void {
  if (!types.isInt8Array(stages)) refuse(name, 'must be an Int8Array');
  const low = stages.findIndex((stage) => stage < least || stage > MOST_STAGE);
  if (low >= 0) refuse(`${name}[${low}]`, `must be a whole number from ${least} to ${MOST_STAGE}`);
}

export function checkAnswer(id: number, outputs: Float32Array, missing: Uint8Array): void {
  whole('id', id, 1, MAX_INT);
  if (!types.isFloat32Array(outputs)) refuse('outputs', 'must be a Float32Array');
  if (!types.isUint8Array(missing)) refuse('missing', 'must be a Uint8Array');
}

export function checkHold(layer: number, experts: Int32Array, blobs: string[]): void {
  checkExperts(layer, experts);
  if (!Array.isArray(blobs) || blobs.length < 1 || blobs.length > MOST_STAGE + 1) {
    refuse('blobs', `must be a list of 1 to ${MOST_STAGE + 1} paths`);
  }
}

export function checkExperts(layer: number, experts: Int32Array): void {
  whole('layer', layer, 0, MAX_INT);
  if (!types.isInt32Array(experts)) refuse('experts', 'must be an Int32Array');
}

export function checkRows(call: ExpertRows, answer: string): void {
  checkExperts(call.layer, call.experts);
  stageNumber(call.stage);
  if (!ENCODINGS.includes(call.encoding)) refuse('encoding', `must be one of ${ENCODINGS.join(', ')}`);
  if (!types.isUint8Array(call.rows)) refuse('rows', 'must be a Uint8Array');
  if (!types.isFloat32Array(call.scales)) refuse('scales', 'must be a Float32Array');
  if (!types.isInt32Array(call.counts)) refuse('counts', 'must be an Int32Array');
  if (!types.isInt32Array(call.pairs)) refuse('pairs', 'must be an Int32Array');
  if (call.rows.length > MOST_BYTES) refuse('rows', `must have at most ${MOST_BYTES} bytes`);
  if (answer !== 'f32' && answer !== 'bf16') refuse('answer', 'must be f32 or bf16');
}
