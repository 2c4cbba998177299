"""`IndexLookup`: what `StringLookup` and `IntegerLookup` share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import config, ops
from ..._trace import current
from ..layer import Layer
from .data_layer import batches, check_choice, is_symbolic, listed, one_array
from .encoding import encode, encoded_shape
from .hashing import bins_of, salt_of
from .searching import count_at_most
from .texts import data_of, decimal, objects, texts
from .vocabulary import Counts, Given, Vocabulary, checked_tokens, idf_of, padded_idf, read_vocabulary

__all__ = ["IndexLookup"]

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
_OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


class IndexLookup(Layer):
    """Maps the tokens of a vocabulary to integers, or back.

    In order the indices are those of: the mask token (0; only if there is one and `output_mode` is "int"), the
    `num_oov_indices` buckets of tokens out of the vocabulary, the vocabulary. The parameters are those of
    `StringLookup` and `IntegerLookup`; `vocabulary_dtype` is "string" or an integer dtype.

    Integers are looked up inside models, too; texts, and hashes of integers, on data only.

    >>> IndexLookup(None, 1, None, "[UNK]", "string", vocabulary=["a", "b"])(["b", "z"]).tolist()
    [2, 0]
    """

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary_dtype: str,
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        name: str | None = None,
        salt: Any = None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        if max_tokens is not None and max_tokens <= 1:
            raise ValueError(f"If set, `max_tokens` must be greater than 1. Received: max_tokens={max_tokens}")
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"If pad_to_max_tokens is True, must set `max_tokens`. Received: max_tokens={max_tokens}")
        if num_oov_indices < 0:
            raise ValueError(
                f"`num_oov_indices` must be greater than or equal to 0. Received: num_oov_indices={num_oov_indices}"
            )
        check_choice(owner, "oov_method", oov_method, ("floormod", "farmhash"))
        check_choice(owner, "vocabulary_dtype", vocabulary_dtype, ("string", "int64", "int32"))
        if salt is not None and vocabulary_dtype != "string" and oov_method != "farmhash":
            raise ValueError(f"`salt` can only be used when `oov_method='farmhash'`. Received: oov_method={oov_method}")
        salt = salt_of("IndexLookup", salt, "a tuple of 2 integers, or a single integer")
        output_mode = _OLD_MODES.get(output_mode, output_mode) if isinstance(output_mode, str) else output_mode
        check_choice(owner, "output_mode", output_mode, _MODES)
        if invert and output_mode != "int":
            raise ValueError(
                f"`output_mode` must be `'int'` when `invert` is true. Received: output_mode={output_mode}"
            )
        if sparse and output_mode == "int":
            raise ValueError(
                "`sparse` may only be true if `output_mode` is `'one_hot'`, `'multi_hot'`, `'count'` or `'tf_idf'`. "
                f"Received: sparse={sparse} and output_mode={output_mode}"
            )
        if sparse:
            raise ValueError(f"{owner}: `sparse=True` can only be used with the TensorFlow backend.")
        if idf_weights is not None and output_mode != "tf_idf":
            raise ValueError(
                f"`idf_weights` should only be set if `output_mode` is `'tf_idf'`. Received: idf_weights={idf_weights} "
                f"and output_mode={output_mode}"
            )
        super().__init__(name=name)
        self.invert, self.max_tokens, self.num_oov_indices = bool(invert), max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.output_mode, self.sparse, self.pad_to_max_tokens = output_mode, False, bool(pad_to_max_tokens)
        self.vocabulary_dtype, self.oov_method, self.salt = vocabulary_dtype, oov_method, salt
        self._text = vocabulary_dtype == "string"
        if not hasattr(self, "encoding"):
            self.encoding = "utf-8"
        self._frozen_vocab_size: int | None = kwargs.pop("vocabulary_size", None)
        is_file = isinstance(vocabulary, (str, os.PathLike))
        self._given = Given(None if is_file else vocabulary, idf_weights)  # a file's is kept beside the config
        self._has_input_vocabulary: bool = kwargs.pop("has_input_vocabulary", vocabulary is not None)
        kwargs.pop("trainable", None)
        kwargs.pop("dtype", None)
        if kwargs:
            raise ValueError(f"Unrecognized keyword argument(s): {kwargs}")
        if output_mode == "tf_idf" and self._has_input_vocabulary and idf_weights is None:
            raise ValueError(
                "When specifying the `vocabulary` argument, in TF-IDF output mode, the `idf_weights` argument must "
                "also be provided."
            )
        self.autocast = False
        self.built = True
        self.idf_weights: np.ndarray[Any, Any] | None = None
        self._vocabulary: Vocabulary | None = None
        self._counts = Counts()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # ---- the vocabulary ----

    @property
    def dtype(self) -> str:
        return self.vocabulary_dtype

    variable_dtype = compute_dtype = input_dtype = dtype  # type: ignore[assignment]

    @property
    def input_vocabulary(self) -> Any:
        """The vocabulary the layer was made with, unless it was a file."""
        return self._given.vocabulary

    @property
    def input_idf_weights(self) -> Any:
        """The weights of TF-IDF the layer was made with."""
        return self._given.idf_weights

    @property
    def _tokens(self) -> list[Any]:
        return [] if self._vocabulary is None else self._vocabulary.tokens

    def _oov_start_index(self) -> int:
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    def _token_start_index(self) -> int:
        return self._oov_start_index() + self.num_oov_indices

    def _special_tokens(self) -> list[Any]:
        return [self.mask_token] * self._oov_start_index() + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens in the order of their indices: with the mask and out-of-vocabulary tokens, or without."""
        return (self._special_tokens() if include_special_tokens else []) + self._tokens

    def vocabulary_size(self) -> int:
        """How many indices there are, the special ones included."""
        return len(self._tokens) + self._token_start_index()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Replaces the vocabulary by a list, a tuple, an array, or the lines of a file whose path is given.

        The special tokens may be in front of it, all of them in order, or left out. `idf_weights`, as many as the
        vocabulary has entries, are needed for `output_mode="tf_idf"`, and only there. ValueError, and nothing is
        changed, for an empty vocabulary, repeated tokens, special tokens elsewhere, more than `max_tokens`, and files
        that do not exist; RuntimeError if the size of the output would change.
        """
        if self.output_mode == "tf_idf":
            if idf_weights is None:
                raise ValueError("`idf_weights` must be set if output_mode is 'tf_idf'.")
        elif idf_weights is not None:
            raise ValueError(
                f"`idf_weights` should only be set if output_mode is `'tf_idf'`. Received: output_mode="
                f"{self.output_mode} and idf_weights={idf_weights}"
            )
        start = self._token_start_index()
        if isinstance(vocabulary, (str, os.PathLike)):
            if self.output_mode == "tf_idf":
                raise ValueError("output_mode `'tf_idf'` does not support loading a vocabulary from file.")
            given, special = read_vocabulary(self, vocabulary), []
        else:
            given, special = self._as_tokens(vocabulary), self._special_tokens()
            if not given:
                raise ValueError(f"Cannot set an empty vocabulary. Received: vocabulary={vocabulary}")
        tokens = checked_tokens(self, given, special)
        if self.max_tokens is not None and start + len(tokens) > self.max_tokens:
            raise ValueError(
                "Attempted to set a vocabulary larger than the maximum vocab size. Received vocabulary size is "
                f"{start + len(tokens)}; `max_tokens` is {self.max_tokens}."
            )
        idf = None
        if idf_weights is not None:
            idf = padded_idf(self, idf_weights, len(given), 0 if len(given) > len(tokens) else start)
        self._hold(tokens, idf)

    def _as_tokens(self, vocabulary: Any) -> list[Any]:
        """A vocabulary as a flat list of str or int."""
        owner = f"Layer '{self.name}'"
        if self._text:
            return texts(vocabulary, owner, self.encoding)[0]
        array = np.asarray(vocabulary)
        if array.dtype.kind not in "iu" and array.size:
            raise TypeError(f"{owner}: expected a vocabulary of integers, got an array of dtype {array.dtype}")
        return array.reshape(-1).tolist()  # type: ignore[no-any-return]

    def _hold(self, tokens: list[Any], idf: np.ndarray[Any, Any] | None) -> None:
        """Makes `tokens` the vocabulary."""
        size = self._token_start_index() + len(tokens)
        fixed = self.output_mode != "int" and not self.pad_to_max_tokens
        if fixed and self._frozen_vocab_size is not None and size != self._frozen_vocab_size:
            raise RuntimeError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens=False`, the vocabulary size "
                "cannot be changed after the layer is called. Old vocab size is "
                f"{self._frozen_vocab_size}, new vocab size is {size}"
            )
        vocabulary = Vocabulary(tokens, self._token_start_index(), self._text)
        self._frozen_vocab_size, self.idf_weights, self._vocabulary = size, idf, vocabulary

    # ---- learning it ----

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learns the vocabulary: all tokens of `data`, the most frequent first, of equally frequent ones the greatest
        first, as many as `max_tokens` leaves room for. It replaces what was learned before.

        `data` is an array or a list (of rows; one token a row if it is flat), or batches of them, of which `steps` are
        taken. With `output_mode="tf_idf"` each row is a document, and the weight of a token is log(1 + documents / (1 +
        documents that have the token)). ValueError, and nothing is changed, for empty data and for a layer that was
        given its vocabulary; TypeError for data that are not of the vocabulary's type.
        """
        self._learn(data, steps, self.update_state)

    def _learn(self, data: Any, steps: int | None, update_state: Callable[[Any], None]) -> None:
        if is_symbolic(data):
            raise TypeError(f"Layer '{self.name}': adapt() needs data, got {data!r}")
        before = self._counts
        try:
            self._counts = Counts()
            if isinstance(data, (list, tuple, str)) or one_array(data):
                array = objects(data) if self._text else self._integers(data)
                update_state(np.expand_dims(array, -1) if array.ndim == 1 else array)
            else:
                for batch in batches(data, steps):
                    update_state(batch)
            if not self._counts.of_token and not self._has_input_vocabulary:
                raise ValueError(f"Layer '{self.name}': adapt() received no data")
            self.finalize_state()
        except BaseException:
            self._counts = before
            raise

    def update_state(self, data: Any) -> None:
        """Counts the tokens of a batch. A vector is one document."""
        if self._text:
            flat, shape = texts(data, f"Layer '{self.name}'", self.encoding)
        else:
            array = self._integers(data)
            flat, shape = array.reshape(-1).tolist(), array.shape
        documents = shape[0] if len(shape) > 1 else 1
        each = len(flat) // max(documents, 1)
        rows = [flat[k * each : (k + 1) * each] for k in range(documents)] if self.output_mode == "tf_idf" else [flat]
        self._count(rows, documents)

    def _count(self, rows: list[list[Any]], documents: int) -> None:
        """Counts the tokens of rows, each a document unless there is a single row for several of them."""
        if self._has_input_vocabulary:
            raise ValueError(
                f"Cannot adapt layer '{self.name}' after setting a static vocabulary via `vocabulary` argument or "
                "`set_vocabulary()` method."
            )
        self._counts.add(rows, documents)

    def finalize_state(self) -> None:
        """Makes the vocabulary of what was counted."""
        counted = self._counts.of_token
        if self._has_input_vocabulary or not counted:
            self._frozen_vocab_size = self.vocabulary_size()
            return
        start = self._token_start_index()
        ranked = sorted(((n, token) for token, n in counted.items()), reverse=True)
        tokens = [token for _, token in ranked if token not in (self.mask_token, self.oov_token)]
        if self.max_tokens is not None:
            tokens = tokens[: max(self.max_tokens - start, 0)]
        idf = idf_of(self, tokens, self._counts) if self.output_mode == "tf_idf" else None
        self._hold(tokens, idf)
        self.reset_state()

    def reset_state(self) -> None:
        """Forgets what was counted; the vocabulary stays."""
        if not self._has_input_vocabulary:
            self._counts = Counts()

    # ---- looking up ----

    @property
    def _traceable(self) -> bool:
        """Can it be a part of a model?"""
        return not self._text and (self.num_oov_indices <= 1 or self.oov_method == "floormod" or self.invert)

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if is_symbolic(inputs) and self._traceable:
            return super().__call__(inputs)
        why = "it reads or gives texts" if self._text else "`oov_method='farmhash'` hashes digits"
        inputs = data_of(inputs, f"Layer '{self.name}'", why)
        self._check_known()
        if self.invert and self._text:
            vocabulary = np.array(self.get_vocabulary() + [self.oov_token])
            indices = self._integers(inputs)
            inside = (indices >= 0) & (indices < self.vocabulary_size())
            return vocabulary[np.where(inside, indices, -1)]
        if self._traceable:
            integers = self._integers(inputs)
            if self.num_oov_indices == 0 and not self.invert:
                known = [*self._tokens, *([] if self.mask_token is None else [self.mask_token])]
                self._check_all_known(integers, np.isin(integers, known))
            return super().__call__(integers)
        return self._encoded(self._found(inputs))

    def call(self, inputs: Any) -> Any:
        self._check_known()
        if not self._traceable:
            return self(inputs)
        x = ops.cast(inputs, "int64")
        if self.invert:
            tokens = np.array(self.get_vocabulary() + [self.oov_token], np.int64)
            inside = ops.logical_and(x >= 0, x < self.vocabulary_size())
            return ops.take(tokens, ops.where(inside, x, len(tokens) - 1), axis=0)
        indices = self._places(x)
        if self.num_oov_indices:
            bucket = ops.mod(x, self.num_oov_indices) + self._oov_start_index()
            indices = ops.where(indices < 0, bucket, indices)
        if self.mask_token is not None:  # in other modes a negative index leaves no trace
            indices = ops.where(x == int(self.mask_token), 0 if self.output_mode == "int" else -1, indices)
        return self._encoded(indices)

    def _places(self, x: Any) -> Any:
        """The index of each integer that is in the vocabulary, -1 of the others, as ops."""
        vocabulary = self._vocabulary
        if vocabulary is None or not vocabulary.tokens:
            return ops.full_like(x, -1)
        before = ops.maximum(count_at_most(vocabulary.keys, x) - 1, 0)
        found = ops.take(vocabulary.keys, before, axis=0) == x
        return ops.where(found, ops.take(vocabulary.indices, before, axis=0), -1)

    def _found(self, inputs: Any) -> np.ndarray[Any, Any]:
        """The index of each text, or integer with a hash for its bucket, of data."""
        if self._text:
            flat, shape = texts(inputs, f"Layer '{self.name}'", self.encoding)
            return self._found_texts(flat).reshape(shape)
        integers = self._integers(inputs)
        values = integers.reshape(-1)
        found = np.array(self._places(values), np.int64)
        masked = values == self.mask_token if self.mask_token is not None else np.zeros(len(values), bool)
        return self._completed(found, masked, values).reshape(integers.shape)

    def _found_texts(self, flat: list[str]) -> np.ndarray[Any, Any]:
        """The index of each text of a list."""
        assert self._vocabulary is not None
        index = self._vocabulary.index_of.get
        found = np.fromiter([index(token, -1) for token in flat], np.int64, len(flat))
        masked = np.fromiter([token == self.mask_token for token in flat], bool, len(flat))
        return self._completed(found, masked, flat)

    def _completed(self, found: np.ndarray[Any, Any], masked: np.ndarray[Any, Any], written: Any) -> Any:
        """What was `found` of a vector (-1 where nothing was), with the indices of masked and unknown tokens."""
        if self.num_oov_indices == 0:
            self._check_all_known(np.asarray(written), (found >= 0) | masked)
        elif self.num_oov_indices == 1:
            found[found < 0] = self._oov_start_index()
        else:
            unknown = np.flatnonzero(found < 0)
            if self._text:
                hashed = [written[k].encode() for k in unknown.tolist()]
            else:
                hashed = decimal(written[unknown])
            found[unknown] = bins_of(hashed, self.num_oov_indices, self.salt) + self._oov_start_index()
        found[masked] = 0 if self.output_mode == "int" else -1
        return found

    def _integers(self, inputs: Any) -> np.ndarray[Any, Any]:
        array = np.asarray(inputs)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"Layer '{self.name}': expected integers, got an array of dtype {array.dtype}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"Layer '{self.name}': expected integers, got NaN or infinity among them")
        return array.astype(np.int64)

    def _check_all_known(self, values: np.ndarray[Any, Any], known: np.ndarray[Any, Any]) -> None:
        if not known.all():
            some = values[~known].reshape(-1)[:3].tolist()
            raise ValueError(
                "When `num_oov_indices=0` all inputs should be in vocabulary, found OOV values "
                f"{some}, consider setting `num_oov_indices=1`. (in layer '{self.name}')"
            )

    def _check_known(self) -> None:
        scope = current()
        only_shapes = scope is not None and scope.frozen and self.output_mode == "int"
        if self._vocabulary is None and not only_shapes:
            raise RuntimeError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens={self.pad_to_max_tokens}`, you "
                "must set the layer's vocabulary before calling it. Either pass a `vocabulary` argument to the layer, "
                f"or call `adapt` with some sample data. (layer '{self.name}')"
            )

    @property
    def _depth(self) -> int | None:
        return self.max_tokens if self.pad_to_max_tokens else self._frozen_vocab_size

    def _encoded(self, indices: Any) -> Any:
        if self.output_mode == "int":
            return indices
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        encoded = encode(indices, mode, self._depth or 0, config.floatx())
        return encoded * self.idf_weights if self.output_mode == "tf_idf" else encoded

    def compute_output_shape(self, input_shape: Any) -> Any:
        return encoded_shape(input_shape, self.output_mode, self._depth)

    # ---- keeping it ----

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "vocabulary_dtype": self.vocabulary_dtype,
            "idf_weights": listed(self.input_idf_weights),
            "vocabulary": listed(self.input_vocabulary),
            "vocabulary_size": self._frozen_vocab_size,
            "oov_method": self.oov_method,
            "salt": self.salt,
        }

    def get_build_config(self) -> dict[str, Any]:
        """Nothing: the layer needs no building."""
        return {}

    def build_from_config(self, config: Any) -> None:
        """Does nothing."""

    def save_own_variables(self, store: Any) -> None:
        """Writes the weights of TF-IDF, if there are any."""
        if self.output_mode == "tf_idf" and self.idf_weights is not None:
            store["idf_weights"] = self.idf_weights

    def load_own_variables(self, store: Any) -> None:
        """Reads what `save_own_variables` wrote."""
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self.idf_weights = np.asarray(store["idf_weights"], config.floatx())

    def save_assets(self, dir_path: Any) -> None:
        """Writes the vocabulary, one token a line, to `vocabulary.txt` in a directory, unless the config has it."""
        if self.input_vocabulary is None:
            with open(os.path.join(dir_path, "vocabulary.txt"), "w", encoding="utf-8") as file:
                file.write("\n".join(map(str, self.get_vocabulary())))

    def load_assets(self, dir_path: Any) -> None:
        """Reads what `save_assets` wrote."""
        if self.input_vocabulary is not None:
            return
        lines = read_vocabulary(self, os.path.join(dir_path, "vocabulary.txt"), "utf-8")
        if len(lines) > self._token_start_index():  # otherwise it was saved before it had a vocabulary
            idf = None if self.idf_weights is None else self.idf_weights[: len(lines)]
            self.set_vocabulary(lines, idf)
