"""Reads a delta file (docs/delta-format.md) as the parameters of its form, in float32."""

import json

import jax.numpy as jnp
import ml_dtypes
import numpy as np
from safetensors import safe_open


def manifest_of(path):
    with safe_open(path, "np") as file:
        return json.loads(file.metadata()["manifest"])


def layers_named(path):
    """The layers that each module's part changes."""
    return {module: part["layers"] for module, part in manifest_of(path)["parts"].items()}


def read_delta(path, base):
    """Returns (form, parameters by module); layers that a part does not name have zeros."""
    data, manifest = path.read_bytes(), manifest_of(path)
    end = 8 + int.from_bytes(data[:8], "little")
    table = {n: t for n, t in json.loads(data[8:end]).items() if n != "__metadata__"}
    count, params, form = base.config["layers"], {}, None

    def array(name):
        types = {"U8": np.uint8, "F16": np.float16, "BF16": ml_dtypes.bfloat16}
        first, last = (end + at for at in table[name]["data_offsets"])
        return np.frombuffer(data[first:last], types[table[name]["dtype"]]).reshape(table[name]["shape"])

    def signs(name, columns):
        bits = np.unpackbits(array(name), axis=-1, bitorder="little")[..., :columns]
        return bits.astype(np.int8) * 2 - 1

    for module, part in manifest["parts"].items():
        form, p = part["form"], {}
        if form == "dense1":
            p = {"signs": signs(f"{module}.signs", part["in"]), "scales": array(f"{module}.scales")}
        elif form == "lora1":
            p = {"a": signs(f"{module}.a", part["in"]), "b": signs(f"{module}.b", part["out"])}
            p["scales"] = array(f"{module}.scales")
        elif form == "lora16":
            p = {"a": array(f"{module}.a"), "b": array(f"{module}.b").astype(np.float32) * part["scale"]}
        elif form == "vec":
            p = {"v": array(f"{module}.v")}

        def spread(x, layers=part["layers"]):
            whole = np.zeros((count, *x.shape[1:]), np.int8 if x.dtype == np.int8 else np.float32)
            whole[layers] = x
            return jnp.asarray(whole)

        params[module] = {name: spread(x) for name, x in p.items()}
        for name in ("a", "b"):
            if form == "lora1":
                params[module][name] = params[module][name].astype(jnp.float32)
    return form, params
