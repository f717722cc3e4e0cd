"""Llama-family forward pass in JAX, float32, straight from a GGUF file or from dequantized tensors."""

import jax
import jax.numpy as jnp
import numpy as np


def rms_norm(x, weight, eps):
    return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def rope(x, positions, theta, style):
    """x: [..., tokens, heads, head size]; positions: [..., tokens]."""
    size = x.shape[-1]
    angle = positions[..., None] * theta ** (-jnp.arange(0, size, 2) / size)
    cos, sin = jnp.cos(angle)[..., None, :], jnp.sin(angle)[..., None, :]
    if style == "interleaved":
        a, b = x[..., 0::2], x[..., 1::2]
        return jnp.stack([a * cos - b * sin, a * sin + b * cos], -1).reshape(x.shape)
    a, b = x[..., : size // 2], x[..., size // 2 :]
    return jnp.concatenate([a * cos - b * sin, a * sin + b * cos], -1)


LAYER_TENSORS = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down")


def read_gguf(path):
    """Returns (config, tensors as float32, tokens, merges) of a llama GGUF file."""
    from gguf import GGUFReader, dequantize

    reader = GGUFReader(path)
    field = lambda key: reader.fields[key]
    number = lambda key: field(key).parts[field(key).data[0]][0].item()
    texts = lambda key: [bytes(field(key).parts[i]).decode() for i in field(key).data]
    config = {
        "layers": number("llama.block_count"),
        "hiddenSize": number("llama.embedding_length"),
        "heads": number("llama.attention.head_count"),
        "kvHeads": number("llama.attention.head_count_kv"),
        "ropeTheta": number("llama.rope.freq_base"),
        "rmsEps": number("llama.attention.layer_norm_rms_epsilon"),
        "ropeStyle": "interleaved",
    }
    config["headSize"] = config["hiddenSize"] // config["heads"]
    tensors = {t.name: np.asarray(dequantize(t.data, t.tensor_type), np.float32) for t in reader.tensors}
    return config, tensors, texts("tokenizer.ggml.tokens"), texts("tokenizer.ggml.merges")
