"""Adam over a tree of parameters, each array with its own size of step."""

import jax
import jax.numpy as jnp
import numpy as np

WARM_UP = 5  # steps


def pace(step, steps):
    """Share of the full rate in a step, from 1: a short rise, then half a cosine down."""
    return min(1.0, step / WARM_UP) * 0.5 * (1 + np.cos(np.pi * step / (steps + 1)))


def begin(params):
    return jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params)


def update(params, moments, slope, rates, step, share):
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], slope)
    second = jax.tree.map(lambda v, g: 0.98 * v + 0.02 * g * g, moments[1], slope)

    def move(p, m, v, rate):
        return p - share * rate * (m / (1 - 0.9**step)) / (jnp.sqrt(v / (1 - 0.98**step)) + 1e-10)

    return jax.tree.map(move, params, first, second, rates), (first, second)
