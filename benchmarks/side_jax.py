"""JAX's side: a whole shuffled epoch is one jitted lax.scan, buffers donated, float32, optax's adam.

A batch so wide that one step fills the machine is a jitted step instead, its rows gathered on the device.
"""

from __future__ import annotations

import itertools
import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax
from works import Work


def parameters(work: Work, key):
    layers = []
    for k, (a, b) in enumerate(zip(work.widths, work.widths[1:])):
        limit = (6 / (a + b)) ** 0.5
        p = {
            "w": jax.random.uniform(jax.random.fold_in(key, k), (a, b), minval=-limit, maxval=limit),
            "b": jnp.zeros(b),
        }
        if work.block and k < len(work.widths) - 2:
            p |= {"gamma": jnp.ones(b), "beta": jnp.zeros(b)}
        layers.append(p)
    return layers


def forward(work: Work, layers, moving, x, key):
    """The output and the new moving statistics, in training."""
    new = []
    for k, p in enumerate(layers[:-1]):
        x = x @ p["w"] + p["b"]
        if work.block:
            mean, var = x.mean(0), x.var(0)
            new.append((0.99 * moving[k][0] + 0.01 * mean, 0.99 * moving[k][1] + 0.01 * var))
            x = (x - mean) * (jax.lax.rsqrt(var + 1e-3) * p["gamma"]) + p["beta"]
        x = jax.nn.relu(x)
        if work.block:
            keep = jax.random.bernoulli(jax.random.fold_in(key, k), 0.9, x.shape)
            x = jnp.where(keep, x / 0.9, 0.0)
    return x @ layers[-1]["w"] + layers[-1]["b"], new


def trainer(work: Work) -> Callable[[int], float]:
    """A function that trains so many epochs and returns the mean loss of the last."""
    data = tuple(map(jnp.asarray, work.data()))
    adam = optax.adam(1e-3, eps=1e-7)
    layers = parameters(work, jax.random.key(0))
    moving = [(jnp.zeros(b), jnp.ones(b)) for b in work.widths[1:-1]] if work.block else []

    def loss(layers, moving, x, y, key):
        out, new = forward(work, layers, moving, x, key)
        if work.classes:
            return optax.softmax_cross_entropy_with_integer_labels(out, y).mean(), new
        return jnp.square(out - y).mean(), new

    def step(state, x, y, key):
        layers, moving, slots, total = state
        (value, moving), grads = jax.value_and_grad(loss, has_aux=True)(layers, moving, x, y, key)
        updates, slots = adam.update(grads, slots)
        return optax.apply_updates(layers, updates), moving, slots, total + value

    # Found by trying: for small steps gathering the whole epoch first and unrolling are faster, for large ones slower.
    small = work.flops < 2e7

    @partial(jax.jit, donate_argnums=0)
    def epoch(state, key, x, y):
        order = jax.random.permutation(key, work.rows).reshape(work.steps, work.batch)
        keys = jax.random.split(key, work.steps) if work.block else jnp.arange(work.steps)
        if small:
            xs = x[order], y[order], keys
            return jax.lax.scan(lambda s, row: (step(s, *row), None), state, xs, unroll=4)[0]
        return jax.lax.scan(lambda s, row: (step(s, x[row[0]], y[row[0]], row[1]), None), state, (order, keys))[0]

    one = jax.jit(lambda state, rows, x, y: step(state, x[rows], y[rows], None), donate_argnums=0)
    permute = jax.jit(lambda key: jax.random.permutation(key, work.rows).reshape(work.steps, work.batch))
    held = [(layers, moving, adam.init(layers), jnp.zeros(()))]
    count = itertools.count()

    def run(epochs: int) -> float:
        for _ in range(epochs):
            key = jax.random.fold_in(jax.random.key(2), next(count))
            state = (*held.pop()[:3], jnp.zeros(()))
            if work.steps <= 4:
                for rows in permute(key):
                    state = one(state, rows, *data)
            else:
                state = epoch(state, key, *data)
            held.append(state)
        return float(held[0][3]) / work.steps

    return run
