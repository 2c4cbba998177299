"""`TextVectorization`."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import numpy as np

from ..layer import Layer
from .data_layer import check_choice, listed
from .encoding import encoded_shape
from .string_lookup import StringLookup
from .texts import data_of, texts

__all__ = ["TextVectorization"]

_STANDARDS = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
_SPLITS = ("whitespace", "character")
_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_LOWER = {ord(upper): lower for upper, lower in zip(string.ascii_uppercase, string.ascii_lowercase, strict=True)}
_STRIP: dict[int, str | None] = dict.fromkeys(map(ord, string.punctuation))


class TextVectorization(Layer):
    """Texts as the indices of their words, or as one vector a text: standardized, split, joined to n-grams, looked up.

    `standardize` lowers and strips ASCII letters and punctuation ("lower_and_strip_punctuation", or "lower", or
    "strip_punctuation"; None; or a function of an array of str). `split` is at ASCII "whitespace", into each
    "character", not at all (None), or a function that gives the parts of each text of an array. `ngrams` adds sequences
    of neighbours joined by a space: of 2 to `ngrams` words, or, for a tuple, only those of its lengths.

    `output_mode` "int" gives a row of indices a text, filled up with 0 to the longest, or cut and filled to
    `output_sequence_length`: 0 is the index of '', 1 of all unknown words. The other modes are those of `StringLookup`:
    there 0 is the index of unknown words. The vocabulary is given, or learned by `adapt`: words in order of frequency,
    at most `max_tokens` entries. Inputs are of shape (n,) or (n, 1).

    It works on data, not inside a model: TypeError there. ValueError for arguments that are none of the above, and for
    `sparse` and `ragged`.

    >>> layer = TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
    >>> layer([["Foo qux bar!"], ["qux baz"]]).tolist()
    [[4, 1, 3, 0], [1, 2, 0, 0]]
    """

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: Any = "lower_and_strip_punctuation",
        split: Any = "whitespace",
        ngrams: Any = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        for argument, value in (("sparse", sparse), ("ragged", ragged)):
            if value:
                raise ValueError(f"TextVectorization: `{argument}=True` can only be used with the TensorFlow backend.")
        if standardize is not None and not callable(standardize):
            check_choice("TextVectorization", "standardize", standardize, _STANDARDS)
        if split is not None and not callable(split):
            check_choice("TextVectorization", "split", split, _SPLITS)
        output_mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(output_mode, output_mode)
        check_choice("TextVectorization", "output_mode", output_mode, _MODES)
        if not (
            ngrams is None
            or isinstance(ngrams, int)
            or (isinstance(ngrams, tuple) and all(isinstance(n, int) for n in ngrams))
        ):
            raise ValueError(f"`ngrams` must be None, an integer, or a tuple of integers. Received: ngrams={ngrams}")
        if output_mode == "int" and not isinstance(output_sequence_length, (int, type(None))):
            raise ValueError(
                "`output_sequence_length` must be either None or an integer when `output_mode` is 'int'. Received: "
                f"output_sequence_length={output_sequence_length}"
            )
        if output_mode != "int" and output_sequence_length is not None:
            raise ValueError(
                "`output_sequence_length` must not be set if `output_mode` is not 'int'. Received "
                f"output_sequence_length={output_sequence_length}."
            )
        given = kwargs.pop("has_input_vocabulary", vocabulary is not None)
        size = kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, **kwargs)
        self._standardize, self._split, self._ngrams_arg = standardize, split, ngrams
        self._ngrams = tuple(range(1, ngrams + 1)) if isinstance(ngrams, int) else ngrams
        self._output_mode, self._output_sequence_length, self._encoding = output_mode, output_sequence_length, encoding
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            has_input_vocabulary=given,
            encoding=encoding,
            vocabulary_size=size if size is not None and size > 2 else None,  # less is no vocabulary yet
        )
        self.built = True

    @property
    def dtype(self) -> str:
        return "string"

    variable_dtype = compute_dtype = input_dtype = dtype  # type: ignore[assignment]

    # ---- the vocabulary: the lookup's ----

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learns the vocabulary from an array or list of texts, or from batches of them, of which `steps` are taken.
        It replaces what was learned before; if it fails, nothing is changed.
        """
        self._lookup_layer._learn(data, steps, self.update_state)

    def update_state(self, data: Any) -> None:
        """Counts the words of a batch of texts."""
        rows, shape = self._rows(data)
        if self._split is None and self._ngrams is None and len(shape) > 1:
            rows = [[text for (text,) in rows[k : k + shape[-1]]] for k in range(0, len(rows), shape[-1])]
        self._lookup_layer._count(rows, len(rows))

    def finalize_state(self) -> None:
        """Makes the vocabulary of what was counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forgets what was counted; the vocabulary stays."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The words in the order of their indices: with '' and the out-of-vocabulary token, or without."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """How many indices there are, the special ones included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replaces the vocabulary, as `StringLookup.set_vocabulary`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    # ---- from texts to indices ----

    def _rows(self, inputs: Any) -> tuple[list[list[str]], tuple[int, ...]]:
        """The words of each text, and the shape in which these lists lie."""
        owner = f"Layer '{self.name}'"
        flat, shape = texts(data_of(inputs, owner, "it splits texts"), owner, self._encoding)
        if callable(self._standardize):
            flat, shape = texts(self._standardize(np.array(flat, str).reshape(shape)), owner, self._encoding)
        elif self._standardize is not None:
            table = (_LOWER if "lower" in self._standardize else {}) | (_STRIP if "strip" in self._standardize else {})
            flat = [text.translate(table) for text in flat]
        if self._split is None:
            if self._ngrams is None:
                return [[text] for text in flat], shape
            each = shape[-1] if shape else 1
            rows, shape = [flat[k : k + each] for k in range(0, len(flat), max(each, 1))], shape[:-1]
            return [self._joined(row) for row in rows], shape
        if len(shape) > 1:
            if shape[-1] != 1:
                raise ValueError(
                    "When using `TextVectorization` to tokenize strings, the input rank must be 1 or the last shape "
                    f"dimension must be 1. Received: inputs.shape={shape} with rank={len(shape)}"
                )
            shape = shape[:-1]
        if callable(self._split):
            rows = [texts(list(part), owner)[0] for part in self._split(np.array(flat, str).reshape(shape))]
        else:
            rows = [list(text) for text in flat] if self._split == "character" else [_words(text) for text in flat]
        return [self._joined(row) for row in rows], shape

    def _joined(self, row: list[str]) -> list[str]:
        if self._ngrams is None:
            return row
        return [" ".join(row[k : k + n]) for n in self._ngrams for k in range(len(row) - n + 1)]

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        rows, shape = self._rows(inputs)
        lookup = self._lookup_layer
        lookup._check_known()
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        found = lookup._found_texts([word for row in rows for word in row])
        as_is = self._split is None and self._ngrams is None  # a text is one word
        if as_is:
            indices = found.reshape(shape)
        else:
            width, nothing = int(lengths.max(initial=0)), 0
            if self._output_mode != "int":
                width, nothing = max(width, 1), -1  # which leaves no trace
            indices = np.full((len(rows), width), nothing, np.int64)
            indices[np.arange(width) < lengths[:, None]] = found
            indices = indices.reshape((*shape, width))
        wanted = self._output_sequence_length
        if wanted is not None and indices.ndim:
            indices = indices[..., :wanted]
            missing = [(0, 0)] * indices.ndim
            missing[-1] = (0, wanted - np.shape(indices)[-1])
            indices = np.pad(indices, missing)
        return lookup._encoded(indices)

    def call(self, inputs: Any) -> Any:
        return self(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self._output_mode == "int":
            return (input_shape[0], self._output_sequence_length)
        shape: list[int | None] = list(input_shape)
        if self._split is not None:
            shape = [*(shape[:-1] if len(shape) > 1 else shape), None]
        elif len(shape) <= 1:
            shape.append(1)
        return encoded_shape(shape, self._output_mode, self._lookup_layer._depth)

    # ---- keeping it ----

    def get_config(self) -> dict[str, Any]:
        lookup = self._lookup_layer
        return super().get_config() | {
            "max_tokens": lookup.max_tokens,
            "standardize": _described(self._standardize),
            "split": _described(self._split),
            "ngrams": self._ngrams_arg,
            "output_mode": self._output_mode,
            "output_sequence_length": self._output_sequence_length,
            "pad_to_max_tokens": lookup.pad_to_max_tokens,
            "sparse": False,
            "ragged": False,
            "vocabulary": listed(lookup.input_vocabulary),
            "idf_weights": listed(lookup.input_idf_weights),
            "encoding": self._encoding,
            "vocabulary_size": self.vocabulary_size(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> TextVectorization:
        """A layer from its config; functions in it must be registered."""
        from ...saving import deserialize_keras_object

        config = dict(config)
        for key in ("standardize", "split"):
            if isinstance(config.get(key), dict):
                config[key] = deserialize_keras_object(config[key])
        if isinstance(config.get("ngrams"), list):
            config["ngrams"] = tuple(config["ngrams"])
        return cls(**config)

    def save_own_variables(self, store: Any) -> None:
        """Writes the weights of TF-IDF, if there are any."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Reads what `save_own_variables` wrote."""
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: Any) -> None:
        """Writes the vocabulary, unless the config has it."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: Any) -> None:
        """Reads what `save_assets` wrote."""
        self._lookup_layer.load_assets(dir_path)


def _words(text: str) -> list[str]:
    """The parts of a text between ASCII whitespace: other spaces belong to words."""
    if text.isascii() and text.isprintable():
        return text.split()
    return b" ".join(text.encode().split()).decode().split(" ") if text.encode().strip() else []


def _described(function: Callable[..., Any] | str | None) -> Any:
    from ...saving import serialize_keras_object

    return serialize_keras_object(function) if callable(function) else function
