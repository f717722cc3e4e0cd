"""The llama family (llama, qwen2, qwen3) in JAX, float32."""

import jax
import jax.numpy as jnp
import numpy as np

LAYER_TENSORS = (
    "attn_norm.weight",
    "attn_q.weight",
    "attn_k.weight",
    "attn_v.weight",
    "attn_output.weight",
    "ffn_norm.weight",
    "ffn_gate.weight",
    "ffn_up.weight",
    "ffn_down.weight",
    "attn_q.bias",
    "attn_k.bias",
    "attn_v.bias",
    "attn_q_norm.weight",
    "attn_k_norm.weight",
)


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


def layer(config, x, w, at=None, seen=None):
    """One block over one whole sequence; x: [tokens, hidden], w: name to weight, None where there is none.

    at: positions, [tokens]; seen: which tokens (columns) each token (row) attends to. Without them, one causal text.
    """
    tokens, size = x.shape[0], config["headSize"]
    at = jnp.arange(tokens) if at is None else at
    seen = jnp.tril(jnp.ones((tokens, tokens), bool)) if seen is None else seen

    def project(h, name, heads):
        y = h @ w[f"attn_{name}.weight"].T
        if w[f"attn_{name}.bias"] is not None:
            y = y + w[f"attn_{name}.bias"].reshape(-1)
        return y.reshape(tokens, heads, size)

    def turned(y, name):
        norm = w[f"attn_{name}_norm.weight"]
        if norm is not None:
            y = rms_norm(y, norm.reshape(-1), config["rmsEps"])
        return rope(y, at, config["ropeTheta"], config["ropeStyle"])

    h = rms_norm(x, w["attn_norm.weight"].reshape(-1), config["rmsEps"])
    q = turned(project(h, "q", config["heads"]), "q")
    k = turned(project(h, "k", config["kvHeads"]), "k")
    v = project(h, "v", config["kvHeads"])
    share = config["heads"] // config["kvHeads"]
    k, v = jnp.repeat(k, share, 1), jnp.repeat(v, share, 1)
    score = jnp.einsum("qhd,khd->hqk", q, k) / np.sqrt(size) + jnp.where(seen, 0.0, -1e9)
    mixed = jnp.einsum("hqk,khd->qhd", jax.nn.softmax(score, -1), v).reshape(tokens, -1)
    x = x + mixed @ w["attn_output.weight"].T
    h = rms_norm(x, w["ffn_norm.weight"].reshape(-1), config["rmsEps"])
    return x + (jax.nn.silu(h @ w["ffn_gate.weight"].T) * (h @ w["ffn_up.weight"].T)) @ w["ffn_down.weight"].T


def logits(config, weights, tokens):
    """[tokens] to [tokens, vocab]; activations of a block are computed again for its gradient."""
    block = jax.checkpoint(lambda x, w: layer(config, x, w))
    x = weights["token_embd.weight"][tokens]
    for index in range(config["layers"]):
        x = block(x, {name: weights.get(f"blk.{index}.{name}") for name in LAYER_TENSORS})
    head = weights.get("output.weight", weights["token_embd.weight"])
    return rms_norm(x, weights["output_norm.weight"].reshape(-1), config["rmsEps"]) @ head.T
