"""`Layer`, the base class of layers and models: what subclasses write, weights, losses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from .. import constraints, dtype_policies, initializers, ops, regularizers, tree
from .._dtypes import is_float, standardize_dtype
from .._function import Function
from .._trace import current, suspended
from ..keras_tensor import checked_name
from ..utils import auto_name
from ..variable import Variable
from .calling import LayerCall, not_implemented
from .input_spec import InputSpec
from .state import LOCKED

__all__ = ["InputSpec", "Layer"]


class Layer(LayerCall):
    """Base class of layers and models.

    Write `__init__` (arguments and sublayers), `build(input_shape)` (weights, with `add_weight`), `call(inputs)` (with
    `nervure.ops`) and `get_config`. Sublayers and weights are found in attributes, also inside lists, tuples and dicts.

    `dtype` is the dtype of weights and of computation ("float32", "float64", None for `config.floatx()`); float inputs
    of another dtype are cast unless `autocast` is False. ValueError on unknown arguments.

    >>> import numpy as np, nervure as nv
    >>> class Scale(nv.Layer):
    ...     def build(self, input_shape):
    ...         self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="gain")
    ...     def call(self, x):
    ...         return x * self.gain
    >>> Scale()(np.ones((1, 2), "float32"))
    array([[1., 1.]], dtype=float32)
    """

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        shape = kwargs.pop("input_shape", None)
        if (size := kwargs.pop("input_dim", None)) is not None:
            shape = (size,)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        if not isinstance(trainable, bool):
            raise ValueError(
                f"Expected argument `trainable` to be a boolean, but received: {trainable} (of type {type(trainable)})"
            )
        self._init_state(checked_name(name) or auto_name(type(self).__name__), trainable)
        self._dtype_policy = dtype_policies.get(dtype)
        self._dtype = self._dtype_policy.compute_dtype
        self._input_shape_arg = None if shape is None else tuple(shape)
        self.autocast = autocast
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.input_spec: Any = None
        self._on_arrays: Function | None = None
        self._stateless: Function | None = None
        self._build_shapes: dict[str, Any] | None = None
        self.supports_masking = type(self).compute_mask is not Layer.compute_mask

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _building(cls.__dict__["build"])  # type: ignore[method-assign]

    # ---- what subclasses write ----

    def build(self, input_shape: Any) -> None:
        """Makes the weights; called once, before the first call, with the shape (None where it may vary)."""
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation, in terms of `nervure.ops`."""
        raise not_implemented(self, "call")

    call._is_default = True  # type: ignore[attr-defined]

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output, if `supports_masking`: that of the inputs unless a layer says otherwise."""
        return previous_mask

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, so that `from_config` can make an equal, unbuilt layer.

        A class that does not override it gets what its constructor was given. NotImplementedError if that is more than
        numbers, texts and lists and dicts of them.
        """
        config = {"trainable": self.trainable, "dtype": dtype_policies.serialize(self._dtype_policy)}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if type(self).__init__ is Layer.__init__ or not getattr(type(self).get_config, "_is_default", False):
            return {"name": self.name} | config
        values, rest = self._constructor_arguments()
        if rest is None:
            return values | {k: v for k, v in config.items() if k in values}
        return {"name": self.name} | rest | values | config

    get_config._is_default = True  # type: ignore[attr-defined]

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that `build` was given, from which `build_from_config` builds an equal layer; None before."""
        shapes = self._build_shapes
        if not shapes:
            return None
        return {"input_shape": next(iter(shapes.values()))} if len(shapes) == 1 else {"shapes_dict": shapes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds the layer for the shapes that `get_build_config` gave."""
        if config and "input_shape" in config:
            self.build(as_shapes(config["input_shape"]))
        elif config and "shapes_dict" in config:
            self.build(**{k: as_shapes(v) for k, v in config["shapes_dict"].items()})

    # ---- weights ----

    @property
    def dtype(self) -> str:
        return self._dtype

    variable_dtype = compute_dtype = input_dtype = dtype

    @property
    def dtype_policy(self) -> dtype_policies.DTypePolicy:
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        policy = dtype_policies.get(value)
        self._dtype_policy, self._dtype = policy, policy.compute_dtype

    def add_weight(
        self,
        *args: Any,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """A new variable of this layer. `shape`, `initializer` and `dtype` may be given by position.

        `initializer` is "glorot_uniform" for floats and "zeros" for other dtypes unless given. ValueError in the `call`
        of a layer: it would make one more variable whenever it is traced.
        """
        self._check_super_called()
        if self.built and current() is not None:
            raise ValueError(LOCKED)
        if len(args) > 3:
            raise TypeError(f"add_weight() takes at most 3 positional arguments but {len(args)} were given.")
        if args and isinstance(args[0], str):
            raise ValueError(
                f"`name` must be passed as a keyword argument. Received: add_weight('{args[0]}', ...). Use: "
                f"add_weight(shape=..., name='{args[0]}')."
            )
        by_name = {"shape": shape, "initializer": initializer, "dtype": dtype}
        for key, value in zip(by_name, args, strict=False):
            if by_name[key] is not None:
                raise ValueError(f"`{key}` was passed both positionally and as a keyword argument.")
            by_name[key] = value
        shape, initializer, dtype = by_name.values()
        if overwrite_with_gradient:
            raise ValueError("add_weight: overwrite_with_gradient=True is not supported")
        dtype = standardize_dtype(dtype or self._dtype)
        if initializer is None:
            initializer = "glorot_uniform" if is_float(dtype) else "zeros"
        if shape is not None and any(d is None for d in np.atleast_1d(np.asarray(shape, object))):
            raise ValueError(f"Layer '{self.name}': the shape of weight {name!r} must be known, got {shape}")
        try:
            with suspended():
                variable = Variable(
                    initializers.get(initializer),
                    shape=() if shape is None else shape,
                    dtype=dtype,
                    trainable=trainable,
                    autocast=autocast,
                    aggregation=aggregation,
                    name=name,
                )
        except MemoryError as error:
            raise MemoryError(f"Layer '{self.name}': no memory for weight {name!r} of shape {shape}: {error}") from None
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.path = self._weight_path(variable.name)
        self._track_weight(variable)
        return variable

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """`add_weight`, by its older name."""
        return self.add_weight(
            shape=shape,
            initializer=initializer,
            dtype=dtype,
            trainable=trainable,
            autocast=autocast,
            regularizer=regularizer,
            constraint=constraint,
            name=name,
        )

    def add_metric(self, *args: Any, **kwargs: Any) -> None:
        """NotImplementedError, as in Keras: metrics are given to `compile`, or are attributes that `call` updates."""
        raise NotImplementedError(
            "Layer `add_metric()` method is deprecated. Add your metric in `Model.compile(metrics=[...])`, or make it "
            "an attribute of the layer and call its `update_state()` in `call()`."
        )

    # ---- what Keras has for quantized layers, which there are none of ----

    @property
    def quantization_mode(self) -> None:
        """None: no layer is quantized."""
        return None

    def quantize(self, mode: Any = None, type_check: bool = True, config: Any = None) -> None:
        """NotImplementedError: no layer can be quantized."""
        raise not_implemented(self, "quantize")

    def quantized_build(self, input_shape: Any, mode: Any) -> None:
        """NotImplementedError: no layer can be quantized."""
        raise not_implemented(self, "quantized_build")

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """NotImplementedError: no layer can be quantized."""
        raise not_implemented(self, "quantized_call")

    def save_own_variables(self, store: Any) -> None:
        """Puts the layer's own weights, not those of its sublayers, into `store`, a dict: "0", "1", .. in order.

        Override it together with `load_own_variables` to store something else.
        """
        for k, v in enumerate(self._own_weights()):
            store[str(k)] = v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Takes the layer's own weights from `store`. ValueError unless their number and shapes agree."""
        variables = self._own_weights()
        if len(store.keys()) != len(variables):
            if not variables and not self.built:
                raise ValueError(
                    f"Layer '{self.name}' was never built and thus it doesn't have any variables. However the weights "
                    f"file lists {len(store.keys())} variables for this layer. A `build()` method must create all "
                    "state of the layer, that of its sublayers included; or implement `get_build_config` and "
                    "`build_from_config`"
                )
            raise ValueError(
                f"Layer '{self.name}' expected {len(variables)} variables, but received {len(store.keys())} variables "
                f"during loading. Expected: {[v.name for v in variables]}"
            )
        values = [np.asarray(store[str(k)]) for k in range(len(variables))]
        for v, value in zip(variables, values, strict=True):
            if value.shape != tuple(v.shape):
                raise ValueError(
                    "The shape of the target variable and the shape of the target value in `variable.assign(value)` "
                    f"must match. variable.shape={tuple(v.shape)}, Received: value.shape={value.shape}. Target "
                    f"variable: {v.path}"
                )
        for v, value in zip(variables, values, strict=True):
            v.assign(value)

    # ---- losses ----

    def add_loss(self, loss: Any) -> None:
        """Adds a scalar (or several) to what training minimizes. Call it in `call`."""
        scope = current()
        if scope is None:
            raise ValueError(f"Layer '{self.name}': add_loss works inside `call`, on what is being computed there")
        scope.notes["indivisible"] = True  # of many rows at once it may be anything (nervure.models.full_batch)
        added = scope.notes.setdefault("losses", [])
        added.extend((self, ops.convert_to_tensor(value)) for value in tree.flatten(loss) if value is not None)

    @property
    def losses(self) -> list[Any]:
        """Scalars added by `add_loss` and activity regularizers in this trace (or the last call on arrays), then the
        weight penalties."""
        scope = current()
        layers = list(self._walk_layers())
        if scope is None:
            found = [value for layer in layers for value in layer._eager_losses]
        else:
            ids = {id(layer) for layer in layers}
            found = [value for layer, value in scope.notes.get("losses", ()) if id(layer) in ids]
        return found + [v.regularizer(v) for v in self.trainable_variables if v.regularizer is not None]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def as_shapes(shape: Any) -> Any:
    """Lists of sizes, as JSON has them, are tuples again."""
    if isinstance(shape, dict):
        return {k: as_shapes(v) for k, v in shape.items()}
    if isinstance(shape, (list, tuple)):
        is_one = all(d is None or isinstance(d, int) for d in shape)
        return tuple(shape) if is_one else [as_shapes(v) for v in shape]
    return shape


def _shapes_given(build: Callable[..., None], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """What `build` is given, by the names of its parameters."""
    names = list(inspect.signature(build).parameters)[1:]
    return dict(zip(names, args, strict=False)) | kwargs


def _building(build: Callable[..., None]) -> Callable[..., None]:
    """`build` outside of any trace, after which the layer is built."""

    @wraps(build)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> None:
        if self.built and self._weights:
            raise ValueError(f"Layer '{self.name}' is already built: `build` would make its weights once more")
        made = len(self._weights)
        self._build_shapes = _shapes_given(build, args, kwargs)
        try:
            with suspended(), self._named():
                build(self, *args, **kwargs)
        except BaseException:
            del self._weights[made:]  # so that it can be built again
            raise
        self.built = True

    return wrapped
