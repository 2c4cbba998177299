"""`StringLookup`."""

from __future__ import annotations

from typing import Any

from .index_lookup import IndexLookup

__all__ = ["StringLookup"]


class StringLookup(IndexLookup):
    """Maps the texts of a vocabulary to contiguous indices, or back with `invert=True`.

    In order the indices are those of: `mask_token` (0; only if it is set and `output_mode` is "int"), the
    `num_oov_indices` buckets of texts out of the vocabulary, the vocabulary. With several buckets that of a text is its
    hash: FarmHash's Fingerprint64 or, with a `salt`, SipHash-2-4. Without buckets an unknown text is a ValueError.

    The vocabulary is given (a list, an array, the path of a file of one text a line), or learned by `adapt`.
    `output_mode` is "int" (int64), "one_hot", "multi_hot", "count" (as of `CategoryEncoding`; `mask_token` is left
    out), or "tf_idf": counts times `idf_weights`. The size of these is the vocabulary's, or `max_tokens` with
    `pad_to_max_tokens`. `encoding` is that of bytes among the texts, and of the file.

    Texts are lists, arrays of str, bytes or objects, or a pandas Series. They cannot enter a compiled model: TypeError
    for symbolic tensors. Apply the layer to the data before training.

    >>> layer = StringLookup()
    >>> layer.adapt(["cat", "dog", "dog"])
    >>> layer.get_vocabulary()
    ['[UNK]', 'dog', 'cat']
    >>> layer([["cat", "dog"], ["dog", "bird"]]).tolist()
    [[2, 1], [1, 0]]
    >>> StringLookup(vocabulary=["dog", "cat"], invert=True)([2, 0]).tolist()
    ['cat', '[UNK]']
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        object.__setattr__(self, "encoding", encoding)  # before a vocabulary is read
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            name=name,
            salt=salt,
            vocabulary_dtype="string",
            **kwargs,
        )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {"encoding": self.encoding}
        del config["vocabulary_dtype"]
        return config
