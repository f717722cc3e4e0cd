"""Reads what generate.py needs of a llama GGUF file."""

import numpy as np
from gguf import GGUFReader, dequantize


def read_gguf(path):
    """Returns (config, tensors as float32, tokens, merges)."""
    reader = GGUFReader(path)

    def number(key):
        field = reader.fields[key]
        return field.parts[field.data[0]][0].item()

    def texts(key):
        field = reader.fields[key]
        return [bytes(field.parts[i]).decode() for i in field.data]

    config = {
        "layers": number("llama.block_count"),
        "heads": number("llama.attention.head_count"),
        "kvHeads": number("llama.attention.head_count_kv"),
        "headSize": number("llama.embedding_length") // number("llama.attention.head_count"),
        "ropeTheta": number("llama.rope.freq_base"),
        "rmsEps": number("llama.attention.layer_norm_rms_epsilon"),
        "ropeStyle": "interleaved",
    }
    tensors = {t.name: np.asarray(dequantize(t.data, t.tensor_type), np.float32) for t in reader.tensors}
    return config, tensors, texts("tokenizer.ggml.tokens"), texts("tokenizer.ggml.merges")
