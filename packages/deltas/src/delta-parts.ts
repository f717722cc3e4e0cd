import type { DeltaPart } from '@zen/engine';
import type { DeltaManifest, PartManifest } from './manifest';
import { MODULES, type Module } from './modules';
import { type DeltaTensor, tensorTable } from './tensor-table';

/** A delta's parts as views of its data (copied only where these lie at an odd address), as the engine takes them. */
export function deltaParts(manifest: DeltaManifest, data: Uint8Array): DeltaPart[] {
  const tensors = new Map(tensorTable(manifest).map((tensor) => [tensor.name, tensor]));
  const even = data.byteOffset % 2 === 0 ? data : new Uint8Array(data);
  const bytes = (module: Module, array: DeltaTensor['array']) => {
    const { offset, bytes: length } = tensors.get(`${module}.${array}`)!;
    return even.subarray(offset, offset + length);
  };
  const words = (module: Module, array: DeltaTensor['array']) => {
    const view = bytes(module, array);
    return new Uint16Array(view.buffer, view.byteOffset, view.byteLength / 2);
  };
  const partOf = (module: Module, part: PartManifest): DeltaPart => {
    const layers = Int32Array.from(part.layers);
    switch (part.form) {
      case 'dense1': {
        const { form, group } = part;
        return {
          module,
          layers,
          form,
          group,
          signs: bytes(module, 'signs'),
          scales: words(module, 'scales'),
        };
      }
      case 'lora1': {
        const { form, rank } = part;
        const [a, b] = [bytes(module, 'a'), bytes(module, 'b')];
        return { module, layers, form, rank, a, b, scales: words(module, 'scales') };
      }
      case 'lora16': {
        const { form, rank, scale } = part;
        return { module, layers, form, rank, scale, a: words(module, 'a'), b: words(module, 'b') };
      }
      case 'vec':
        return { module, layers, form: part.form, v: words(module, 'v') };
    }
  };
  return MODULES.flatMap((module) => {
    const part = manifest.parts[module];
    return part === undefined ? [] : [partOf(module, part)];
  });
}
