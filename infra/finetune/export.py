"""Writes a fine-tune as others read it: a Hugging Face folder, or a PEFT adapter."""

import json

import numpy as np
from base import MODULES
from recipes import sign
from safetensors.numpy import save_file

PEFT = {
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
REST = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
NORMS = {"attn_norm.weight": "input_layernorm", "ffn_norm.weight": "post_attention_layernorm"}


def hf_rows(module, config, values):
    """[out, ...] with its rows in Hugging Face's order: GGUF turns neighbours, Hugging Face the halves of a head."""
    if module not in ("q", "k"):
        return values
    heads = config["heads"] if module == "q" else config["kvHeads"]
    split = values.reshape(heads, config["headSize"] // 2, 2, *values.shape[1:])
    return np.ascontiguousarray(split.swapaxes(1, 2)).reshape(values.shape)


def write_model(folder, base, layers):
    """The whole model in float32: model.safetensors, config.json and the tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {REST[name]: np.asarray(values) for name, values in base.rest.items()}
    for i in range(base.config["layers"]):
        for name, hf in NORMS.items():
            tensors[f"model.layers.{i}.{hf}.weight"] = np.asarray(layers[name][i]).reshape(-1)
        for module, hf in PEFT.items():
            values = np.asarray(layers[MODULES[module]][i])
            tensors[f"model.layers.{i}.{hf}.weight"] = hf_rows(module, base.config, values)
    tensors["model.norm.weight"] = tensors["model.norm.weight"].reshape(-1)
    save_file(tensors, folder / "model.safetensors")
    vocab, hidden = tensors["model.embed_tokens.weight"].shape
    config = {
        "model_type": "llama",
        "hidden_act": "silu",
        "num_hidden_layers": base.config["layers"],
        "hidden_size": hidden,
        "num_attention_heads": base.config["heads"],
        "num_key_value_heads": base.config["kvHeads"],
        "intermediate_size": base.layers["ffn_gate.weight"].shape[1],
        "vocab_size": vocab,
        "max_position_embeddings": 8192,
        "rope_theta": base.config["ropeTheta"],
        "rms_norm_eps": base.config["rmsEps"],
        "tie_word_embeddings": True,
    }
    (folder / "config.json").write_text(json.dumps(config))
    base.tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>"}))


def write_adapter(folder, base, form, params, name):
    """lora1, lora16 (PEFT's LORA) and vec (PEFT's IA3, over outputs).

    Of lora1 the factors are exactly sign × scale (A) and sign (B).
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {m: {n: np.asarray(x) for n, x in p.items()} for m, p in params.items()}
    tensors = {}
    for module, p in arrays.items():
        for i in range(base.config["layers"]):
            at = f"base_model.model.model.layers.{i}.{PEFT[module]}"
            for part, values in factors(form, {n: x[i] for n, x in p.items()}).items():
                rows = values if part == "lora_A.weight" else hf_rows(module, base.config, values)
                tensors[f"{at}.{part}"] = np.ascontiguousarray(rows)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {
        "peft_type": "IA3" if form == "vec" else "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": name,
        "target_modules": [PEFT[m].split(".")[1] for m in params],
        "fan_in_fan_out": False,
    }
    if form == "vec":
        config["feedforward_modules"] = []
    else:
        rank = next(iter(arrays.values()))["a"].shape[1]
        config |= {"r": rank, "lora_alpha": rank, "lora_dropout": 0.0, "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1))


def factors(form, p):
    """One module of one layer as PEFT has it."""
    if form == "vec":
        return {"ia3_l": (1 + p["v"])[:, None]}
    a, b = p["a"], p["b"]
    if form == "lora1":
        a, b = np.asarray(sign(a)) * p["scales"].astype(np.float16).astype(np.float32)[:, None], np.asarray(sign(b)).T
    return {"lora_A.weight": a.astype(np.float32), "lora_B.weight": b.astype(np.float32)}
