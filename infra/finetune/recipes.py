"""What each form of a delta trains, and the weights it makes; everything is stacked by layer."""

import jax
import jax.numpy as jnp
import numpy as np
from base import MODULES

ATTENTION = ("q", "k", "v", "o")


def sign(x):
    return jnp.where(x >= 0, 1.0, -1.0)


@jax.custom_vjp
def straight_sign(x):
    """±1 forward; backward as if it were the identity while |x| is at most 2."""
    return sign(x)


straight_sign.defvjp(lambda x: (sign(x), x), lambda x, g: (jnp.where(jnp.abs(x) <= 2, g, 0.0),))


@jax.tree_util.register_pytree_node_class
class Changed:
    """Weights with a delta that is never added to them: with x @ w.T, all that a layer asks of its weights."""

    def __init__(self, form, weight, p):
        self.form, self.weight, self.p = form, weight, p

    def tree_flatten(self):
        return (self.weight, self.p), self.form

    @classmethod
    def tree_unflatten(cls, form, parts):
        return cls(form, *parts)

    @property
    def T(self):
        return self

    def __rmatmul__(self, x):
        y, p = x @ self.weight.T, self.p
        if self.form == "vec":
            return y * (1 + p["v"])
        if self.form == "lora16":
            return y + (x @ p["a"].T) @ p["b"].T
        return y + ((x @ straight_sign(p["a"]).T) * p["scales"]) @ straight_sign(p["b"])


def merge(form, weight, p):
    """One module's weights [layers, out, in] with its delta."""
    if form == "full":
        return weight + p["change"]
    if form == "dense1":
        scales = jnp.repeat(p["scales"], weight.shape[2] // p["scales"].shape[2], 2)
        return weight + scales * p["signs"].astype(jnp.float32)
    return Changed(form, weight, p)


def merged(form, layers, params):
    """All layers' tensors, those of the modules in `params` changed."""
    changed = {MODULES[m]: merge(form, layers[MODULES[m]], p) for m, p in params.items()}
    return {**layers, **changed}


def singular(change, rank, chance):
    """The largest singular pairs of [out, in], by subspace iteration: u [out, rank], v [rank, in]."""
    y = change @ chance.standard_normal((change.shape[1], rank + 8)).astype(np.float32)
    for _ in range(3):
        y = change @ (change.T @ np.linalg.qr(y)[0])
    q = np.linalg.qr(y)[0]
    u, s, v = np.linalg.svd(q.T @ change, full_matrices=False)
    return (q @ u)[:, :rank], s[:rank], v[:rank]


def start(form, weight, change, rank, chance):
    """First parameters of a module [layers, out, in]; `change` is the full fine-tune's, where there is one."""
    layers, out, inputs = weight.shape
    if form == "full":
        return {"change": jnp.zeros_like(weight)}
    if form == "vec":
        return {"v": jnp.zeros((layers, out))}
    if form == "lora16":
        a = chance.standard_normal((layers, rank, inputs)) / np.sqrt(inputs)
        return {"a": jnp.asarray(a, jnp.float32), "b": jnp.zeros((layers, out, rank))}
    if form == "lora1":
        a, b, scales = [], [], []
        for one in np.asarray(change):
            u, _, v = singular(one, rank, chance)
            # The scales that fit best once the vectors are signs: least squares over all ranks together.
            su, sv = np.where(u >= 0, 1.0, -1.0), np.where(v >= 0, 1.0, -1.0)
            gram = (su.T @ su) * (sv @ sv.T)
            scales.append(np.linalg.solve(gram, np.einsum("or,oi,ri->r", su, one, sv)))
            a.append(v / np.abs(v).mean(1, keepdims=True))
            b.append(u.T / np.abs(u.T).mean(1, keepdims=True))
        return {k: jnp.asarray(np.stack(x), jnp.float32) for k, x in (("a", a), ("b", b), ("scales", scales))}
    raise ValueError(f"no form {form}")
