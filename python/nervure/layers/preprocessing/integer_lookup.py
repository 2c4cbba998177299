"""`IntegerLookup`."""

from __future__ import annotations

from typing import Any

from .index_lookup import IndexLookup

__all__ = ["IntegerLookup"]


class IntegerLookup(IndexLookup):
    """Maps the integers of a vocabulary to contiguous indices, or back with `invert=True`.

    In order the indices are those of: `mask_token` (0; only if it is set and `output_mode` is "int"), the
    `num_oov_indices` buckets of integers out of the vocabulary, the vocabulary. The bucket of x is x modulo
    `num_oov_indices` or, with `oov_method="farmhash"`, of a hash of its digits (SipHash with a `salt`). Without buckets
    an unknown integer is a ValueError (on data; inside a model it is -1).

    The vocabulary is given (a list, an array, the path of a file of one integer a line), or learned by `adapt`.
    `output_mode` is "int" (int64), "one_hot", "multi_hot", "count" (as of `CategoryEncoding`; `mask_token` is left
    out), or "tf_idf": counts times `idf_weights`. The size of these is the vocabulary's, or `max_tokens` with
    `pad_to_max_tokens`. Except with "farmhash" it can be a part of a model.

    >>> layer = IntegerLookup(vocabulary=[12, 36, 1138, 42])
    >>> layer([[12, 1138, 42], [42, 1000, 36]]).tolist()
    [[1, 3, 4], [4, 0, 2]]
    >>> IntegerLookup(vocabulary=layer.get_vocabulary(), invert=True)([1, 0]).tolist()
    [12, -1]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(
                "If `max_tokens` is set for `IntegerLookup`, it must be greater than 1. Received: "
                f"max_tokens={max_tokens}"
            )
        if num_oov_indices < 0:
            raise ValueError(
                "The value of `num_oov_indices` argument for `IntegerLookup` must >= 0. Received: "
                f"num_oov_indices={num_oov_indices}"
            )
        if vocabulary_dtype != "int64":
            raise ValueError(
                "Only `vocabulary_dtype='int64'` is supported at this time. Received: "
                f"vocabulary_dtype={vocabulary_dtype}"
            )
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            vocabulary_dtype=vocabulary_dtype,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            oov_method=oov_method,
            salt=salt,
            name=name,
            **kwargs,
        )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for key in ("oov_token", "mask_token"):
            config[key] = None if config[key] is None else int(config[key])
        if config["vocabulary"] is not None:
            config["vocabulary"] = [int(token) for token in config["vocabulary"]]
        return config
