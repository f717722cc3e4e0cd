import type { DeltaPart } from '@zen/engine';

export const SLOT_KINDS = ['small', 'dense'] as const;
export type SlotKind = (typeof SLOT_KINDS)[number];

/** The engine lays every array at a multiple of this. */
const ALIGNMENT = 64;

const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Bytes that a delta takes in a slot. */
export function slotBytesOf(parts: readonly DeltaPart[]): number {
  return parts
    .flatMap((part) => Object.values(part))
    .filter((value) => value instanceof Uint8Array || value instanceof Uint16Array)
    .reduce((sum, { byteLength }) => sum + aligned(byteLength), 0);
}

/** Where the engine puts it: what does not fit a small slot takes a dense one. */
export function slotKindOf(
  parts: readonly DeltaPart[],
  { slots, slotBytes }: { slots: number; slotBytes: number },
): SlotKind {
  return slots > 0 && slotBytesOf(parts) <= aligned(slotBytes) ? 'small' : 'dense';
}
