/** What a ladder carries to tokenize and to render chats; plain JSON. */
export interface TokenizerSpec {
  /** A Hugging Face `tokenizer.json` object (BPE with byte level pre-tokenization). */
  tokenizerJson: unknown;
  /** Jinja chat template, or null for a base model. */
  chatTemplate: string | null;
  bosId: number | null;
  eosId: number;
  /** All ids that end an answer. */
  endIds: number[];
  addBos: boolean;
}
