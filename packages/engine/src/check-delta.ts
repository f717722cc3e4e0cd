import { EngineError } from './engine-error';
import type { DeltaPart } from './native';

const MODULES = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'];
/** Four forms of seven modules: more cannot be different. */
const MOST_PARTS = 28;

/** What a delta's arrays and numbers are, before they cross; the native side knows the model's shapes. */
export function checkDelta(parts: DeltaPart[]): void {
  if (!Array.isArray(parts) || parts.length === 0 || parts.length > MOST_PARTS) {
    refuse(`must have 1 to ${MOST_PARTS} parts`);
  }
  for (const part of parts) {
    if (!MODULES.includes(part.module)) refuse(`module must be one of ${MODULES.join(', ')}`);
    array(part, 'layers', part.layers, Int32Array);
    switch (part.form) {
      case 'dense1':
        number(part, 'group', part.group, 1);
        array(part, 'signs', part.signs, Uint8Array);
        array(part, 'scales', part.scales, Uint16Array);
        break;
      case 'lora1':
        number(part, 'rank', part.rank, 1, 64);
        array(part, 'a', part.a, Uint8Array);
        array(part, 'b', part.b, Uint8Array);
        array(part, 'scales', part.scales, Uint16Array);
        break;
      case 'lora16':
        number(part, 'rank', part.rank, 1, 64);
        if (!Number.isFinite(part.scale)) refuse(`${part.module}.scale must be a finite number`);
        array(part, 'a', part.a, Uint16Array);
        array(part, 'b', part.b, Uint16Array);
        break;
      case 'vec':
        array(part, 'v', part.v, Uint16Array);
        break;
      default:
        refuse('form must be dense1, lora1, lora16 or vec');
    }
  }
}

function refuse(limit: string): never {
  throw new EngineError({ kind: 'field', name: 'delta', limit });
}

function number(part: DeltaPart, name: string, value: number, low: number, high = 2 ** 31 - 1): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    refuse(`${part.module}.${name} must be a whole number from ${low} to ${high}`);
  }
}

type ArrayKind = Int32ArrayConstructor | Uint8ArrayConstructor | Uint16ArrayConstructor;
function array(part: DeltaPart, name: string, value: unknown, kind: ArrayKind): void {
  if (!(value instanceof kind)) refuse(`${part.module}.${name} must be a ${kind.name}`);
}
