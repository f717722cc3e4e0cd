import type { SourceModel } from '@zen/ladder';
import { FileRegions } from '../file-region';
import { floatRouters } from '../float-routers';
import { checkTensors } from '../model-config';
import { ggufConfig } from './gguf-config';
import { splitExperts } from './gguf-experts';
import { readGgufHeader } from './gguf-header';
import { ggufTokenizer } from './gguf-tokenizer';

/** Opens a GGUF file; tensor bytes are read when they are asked for. */
export async function openGguf(
  path: string,
  origin: { name: string; uri: string; sha256: string },
): Promise<SourceModel> {
  const file = await FileRegions.open(path);
  try {
    const header = await readGgufHeader(path, file.size);
    const config = ggufConfig(header, path);
    const parts = splitExperts(header.tensors, config.experts?.count ?? 0, path);
    checkTensors(config, parts, path);
    return {
      ...origin,
      path,
      bytes: file.size,
      config,
      tokenizer: ggufTokenizer(header, path),
      tensors: floatRouters(
        parts.map(({ name, shape, type, offset, bytes }) => ({
          name,
          shape,
          type,
          bytes: () => file.read(offset, bytes),
        })),
      ),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
