"""What an `IndexLookup` learns of data and checks of a vocabulary."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import config

if TYPE_CHECKING:
    from .index_lookup import IndexLookup

__all__ = ["Counts", "Given", "Vocabulary", "checked_tokens", "idf_of", "padded_idf", "read_vocabulary"]


class Counts:
    """How often tokens occur, and in how many documents.

    >>> counts = Counts()
    >>> counts.add([["a", "a"], ["b"]], 2)
    >>> dict(counts.of_token), dict(counts.of_documents)
    ({'a': 2, 'b': 1}, {'a': 1, 'b': 1})
    """

    def __init__(self) -> None:
        self.of_token: Counter[Any] = Counter()
        self.of_documents: Counter[Any] = Counter()
        self.documents = 0

    def add(self, rows: list[list[Any]], documents: int) -> None:
        """Counts the tokens of rows. Each row is a document, unless there is a single row for several of them."""
        for row in rows:
            self.of_token.update(row)
        if len(rows) == documents:
            for row in rows:
                self.of_documents.update(set(row))
        self.documents += documents


class Vocabulary:
    """The tokens of a lookup, without the special ones, and where they are found; their indices begin at `start`.

    An object of its own rather than a list or dict of the layer, which looks through those for its parts.
    """

    __slots__ = ("index_of", "indices", "keys", "tokens")

    def __init__(self, tokens: list[Any], start: int, text: bool) -> None:
        self.tokens = tokens
        self.index_of: dict[str, int] = {token: start + k for k, token in enumerate(tokens)} if text else {}
        keys = np.array([] if text else tokens, np.int64)
        order = np.argsort(keys)
        self.keys, self.indices = keys[order], start + order.astype(np.int64)  # of integers, ascending


class Given:
    """What the constructor was given, kept for the config as it came; an object for the same reason."""

    __slots__ = ("idf_weights", "vocabulary")

    def __init__(self, vocabulary: Any, idf_weights: Any) -> None:
        self.vocabulary, self.idf_weights = vocabulary, idf_weights


def read_vocabulary(layer: IndexLookup, path: Any, encoding: str | None = None) -> list[Any]:
    """The lines of a file as tokens."""
    if not os.path.exists(path):
        raise ValueError(f"Vocabulary file {path} does not exist.")
    with open(path, encoding=encoding or layer.encoding) as file:
        lines = file.read().split("\n")
    while lines and lines[-1] == "":
        lines.pop()
    if layer.vocabulary_dtype == "string":
        return lines
    try:
        return [int(line) for line in lines]
    except ValueError as error:
        raise ValueError(f"Layer '{layer.name}': the vocabulary file {path} must hold integers: {error}") from None


def checked_tokens(layer: IndexLookup, given: list[Any], special: list[Any]) -> list[Any]:
    """A vocabulary without the special tokens in front, if they are there; ValueError for repeated tokens and for
    special ones elsewhere.
    """
    tokens = given[len(special) :] if given[: len(special)] == special else given
    if len(set(tokens)) < len(tokens):
        repeated = [token for token, n in Counter(tokens).items() if n > 1]
        raise ValueError(
            "The passed vocabulary has at least one repeated term. Please uniquify your dataset. The repeated terms "
            f"are: {repeated}"
        )
    reserved = [("mask", "mask_token", layer.mask_token)]
    if layer.invert:  # looking up tokens, the one that stands for unknown ones is unknown as any
        reserved.append(("OOV", "oov_token", layer.oov_token))
    for kind, argument, token in reserved:
        if token is not None and token in tokens:
            raise ValueError(
                f"Found reserved {kind} token at unexpected location in `vocabulary`. Note that passed `vocabulary` "
                "does not need to include the OOV and mask tokens. Either remove all mask and OOV tokens, or include "
                f"them only at the start of the vocabulary in precisely this order: {special}. Received: "
                f"{argument}={token} at vocabulary index {len(given) - 1 - given[::-1].index(token)}"
            )
    return tokens


def padded_idf(layer: IndexLookup, weights: Any, length: int, front: int) -> np.ndarray[Any, Any]:
    """Weights given for a vocabulary of `length`, with their average in front for special tokens that it does not
    name, and zeros up to `max_tokens` if the layer pads.
    """
    array = np.asarray(weights, config.floatx())
    if array.ndim != 1:
        raise ValueError(f"TF-IDF data must be a 1-index array. Received: type(idf_weights)={type(weights)}")
    if len(array) != length:
        raise ValueError(
            f"`idf_weights` must be the same length as vocabulary. len(idf_weights) is {len(array)}; len(vocabulary) "
            f"is {length}"
        )
    average = np.average(array) if len(array) else 0.0
    padded = np.concatenate([np.full(front, average, array.dtype), array])
    back = layer.max_tokens - len(padded) if layer.pad_to_max_tokens and layer.max_tokens is not None else 0
    return np.pad(padded, (0, back))


def idf_of(layer: IndexLookup, tokens: list[Any], counts: Counts) -> np.ndarray[Any, Any]:
    """Inverse document frequencies: log(1 + documents / (1 + documents with the token)) (the smoothed form of Sparck
    Jones, "A statistical interpretation of term specificity", 1972).
    """
    having = np.array([counts.of_documents[token] for token in tokens], np.float64)
    weights = np.log(1 + counts.documents / (1 + having))
    return padded_idf(layer, weights, len(tokens), layer._token_start_index())
