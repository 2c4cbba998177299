"""How a layer is called: on KerasTensors it records a node of a functional model; inside a trace it adds to the graph;
on arrays it traces itself once for each signature and runs the plan. The Python of `call` runs only while tracing."""

from __future__ import annotations

import inspect
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from .. import _core, ops, tree
from .._dtypes import is_float
from .._function import Function
from .._masks import get_mask, has_masks, set_mask
from .._tensor import Tensor
from .._trace import Scope, current
from ..keras_tensor import KerasTensor, Node, Operation, infer
from ..regularizers import is_sum
from ..variable import Variable
from .input_spec import check_inputs
from .state import LayerState


class _Names(threading.local):
    stack: tuple[str, ...] = ()


_names = _Names()  # the layers being called or built on this thread: the path of a weight made now


class LayerCall(LayerState, Operation):
    """The part of `Layer` that is called and built."""

    call: Callable[..., Any]
    build: Callable[..., None]
    compute_mask: Callable[[Any, Any], Any]
    add_loss: Callable[[Any], None]
    activity_regularizer: Any
    supports_masking: bool
    autocast: bool
    losses: Any
    input_spec: Any
    _dtype: str
    _on_arrays: Function | None
    _stateless: Function | None
    _call_context_args: frozenset[str] = frozenset({"training"})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._check_super_called()
        self.__dict__["_called"] = True
        leaves = tree.flatten((args, kwargs))
        if any(isinstance(leaf, KerasTensor) for leaf in leaves):
            return self._symbolic_call(args, kwargs)
        scope = current()
        if scope is None:
            return self._call_on_arrays(args, kwargs)
        for leaf in tree.flatten(args):
            if leaf is not None and not hasattr(leaf, "shape") and not hasattr(leaf, "__array__"):
                raise ValueError(
                    "Only input tensors may be passed as positional arguments. The following argument value should be "
                    f"passed as a keyword argument: {leaf!r} (of type {type(leaf)}), in the call of layer '{self.name}'"
                )
        args, kwargs = tree.map_structure(self._as_tensor, (args, kwargs))
        inputs = _first(args, kwargs)
        outer_context = scope.context
        scope.context = self._take_context(outer_context, kwargs)
        try:
            with self._named():
                check_inputs(self.name, self.input_spec, inputs)
                if not self.built:
                    self._build_from(args, kwargs, scope.notes.get("rows"))
                mask = self._fill_in_masks(args, kwargs, inputs)
                outputs = self.call(*args, **kwargs)
                self._after_call(scope, outputs)
                self._pass_mask_on(inputs, outputs, mask)
                if not scope.frozen or "recorder" in scope.notes or "stateless" in scope.notes:
                    self._traced = True
        except (ValueError, TypeError) as error:
            _say_where(error, self.name)
            raise
        finally:
            scope.context = outer_context
        return outputs

    def _register_call_context_args(self, *names: str) -> None:
        """Makes arguments of `call` such as `training`: given to one layer, they reach all layers that it calls and
        that have registered them. Before the first call; RuntimeError after it."""
        if self.__dict__.get("_called"):
            raise RuntimeError("Cannot add call-context args after the layer has been called.")
        self._call_context_args = self._call_context_args | set(names)

    def _take_context(self, outer: dict[str, Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """What is passed on to the layers inside: what this one is given, or else what it got from the layer around it,
        or else the default of its `call`. `kwargs` get what `call` takes of it."""
        context, parameters = dict(outer), self._call_parameters()
        for name in self._call_context_args:
            value = kwargs.pop(name, None)
            parameter = parameters.get(name)
            if value is None:
                value = outer.get(name)
            if value is None and parameter is not None and parameter.default is not parameter.empty:
                value = parameter.default
            if value is not None:
                context[name] = value
            if parameter is not None:
                kwargs[name] = value
        return context

    def _fill_in_masks(self, args: tuple[Any, ...], kwargs: dict[str, Any], inputs: Any) -> Any:
        """Gives `call` the masks it asks for by an argument `mask`, or `<name>_mask` where there are several tensors;
        returns the mask of the inputs."""
        parameters = self._call_parameters()
        given = dict(zip(parameters, args, strict=False)) | kwargs
        tensors = {k: v for k, v in given.items() if k != "mask" and not k.endswith("_mask") and _is_tensors(v)}
        for name, value in tensors.items():
            key = "mask" if len(tensors) == 1 else f"{name}_mask"
            if key in parameters and given.get(key) is None:
                kwargs[key] = tree.map_structure(get_mask, value)
        mask = kwargs.get("mask")
        return mask if mask is not None else tree.map_structure(get_mask, inputs)

    def _pass_mask_on(self, inputs: Any, outputs: Any, mask: Any) -> None:
        """The outputs get the mask that the layer computes for them, unless they have one."""
        flat = tree.flatten(outputs)
        if self.supports_masking:
            if any(get_mask(y) is None for y in flat):
                masks = self.compute_mask(inputs, mask)
                for y, m in zip(flat, tree.flatten(masks), strict=False) if masks is not None else ():
                    if m is not None and get_mask(y) is None:
                        set_mask(y, m)
        elif any(m is not None for m in tree.flatten(mask)):
            warnings.warn(
                f"Layer '{self.name}' (of type {type(self).__name__}) was passed an input with a mask attached to it. "
                "However, this layer does not support masking and will therefore destroy the mask information. "
                "Downstream layers will not see the mask.",
                stacklevel=2,
            )

    def _after_call(self, scope: Scope, outputs: Any) -> None:
        if self.activity_regularizer is not None:
            whole = scope.notes.get("indivisible", not is_sum(self.activity_regularizer))
            for y in tree.flatten(outputs):
                self.add_loss(self.activity_regularizer(y) / float(max(y.shape[0], 1) if y.shape else 1))
            scope.notes["indivisible"] = whole
        recorder: dict[str, Any] | None = scope.notes.get("recorder")
        if recorder is not None and len(_names.stack) > 1:
            key = path = "/".join(_names.stack[1:])
            times = 0
            while key in recorder:
                times += 1
                key = f"{path}:{times}"
            recorder[key] = outputs

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inputs = _first(args, kwargs)
        check_inputs(self.name, self.input_spec, inputs)
        if not self.built:
            with self._named():
                self._build_from(args, kwargs, None)
        outputs = self.symbolic_call(*args, **kwargs)
        if self._says_its_shape() or type(self).compute_output_spec is not LayerCall.compute_output_spec:
            if not all(layer.built for layer in self._sublayers()):
                with suppress(Exception):  # nothing is lost: a call on data builds them
                    infer(self.__call__, args, kwargs)
            mask = kwargs.get("mask")
            self._pass_mask_on(inputs, outputs, tree.map_structure(get_mask, inputs) if mask is None else mask)
        Node(self, args, kwargs, outputs)
        for y in tree.flatten(outputs):
            mask = get_mask(y)
            if isinstance(mask, KerasTensor) and mask._keras_history is None:
                Node(MaskOf(), (y,), {}, mask)  # so that it may be an output of a model
        return outputs

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """The KerasTensors that a call on KerasTensors gives."""
        return self.compute_output_spec(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The KerasTensors of the output for KerasTensors.

        A layer's own `compute_output_shape` tells their shapes; otherwise they come from tracing `call`.
        """
        if not self._says_its_shape():
            return infer(self.__call__, args, kwargs)
        shape = self.compute_output_shape(**self._shapes_for(self.compute_output_shape, args, kwargs, None))
        if not isinstance(shape, (list, tuple, dict)):
            raise ValueError(
                f"Method `compute_output_shape()` of layer {type(self).__name__} is returning a type that cannot be "
                f"interpreted as a shape. It should return a shape tuple. Received: {shape}"
            )
        return tree.map_shape_structure(lambda s: KerasTensor(s, self._dtype), shape)

    def _says_its_shape(self) -> bool:
        """Has a class that is not one of ours its own `compute_output_shape`?"""
        owner = next(c for c in type(self).__mro__ if "compute_output_shape" in c.__dict__)
        return not owner.__module__.startswith("nervure.")

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """A call with these values in place of the variables, none of which it changes.

        The values come in the order of `trainable_variables` and `non_trainable_variables`. Returns the outputs and the
        new values of the non-trainable variables; with `return_losses` the losses, too. ValueError if the layer is not
        built, or the numbers or shapes disagree.

        >>> import numpy as np, nervure as nv
        >>> layer = nv.layers.Dense(1, kernel_initializer="ones")
        >>> layer.build((None, 2))
        >>> y, _ = layer.stateless_call([np.full((2, 1), 3.0), np.zeros(1)], [], np.ones((1, 2)))
        >>> y, layer.get_weights()[0].ravel()
        (array([[6.]], dtype=float32), array([1., 1.], dtype=float32))
        """
        name = type(self).__name__
        if not self.built:
            raise ValueError(
                f"To call stateless_call, {name} must be built (i.e. its variables must have been already created). "
                "You can build it by calling it on some data."
            )
        given = {"trainable_variables": trainable_variables, "non_trainable_variables": non_trainable_variables}
        for key, values in given.items():
            variables = getattr(self, key)
            if len(values) != len(variables):
                raise ValueError(
                    f"Argument `{key}` must be a list of tensors corresponding 1:1 to {name}().{key}. Received list "
                    f"with length {len(values)}, but expected {len(variables)} variables."
                )
        if self._stateless is None:
            self._stateless = Function(self._call_with_state)
        values = [v.value if isinstance(v, Variable) else v for v in (*trainable_variables, *non_trainable_variables)]
        outputs, state, losses = self._stateless(values, *args, **kwargs)
        return (outputs, state, losses) if return_losses else (outputs, state)

    def _call_with_state(self, values: list[Any], *args: Any, **kwargs: Any) -> Any:
        scope = current()
        assert scope is not None
        variables = [*self.trainable_variables, *self.non_trainable_variables]
        before, frozen, notes = scope.snapshot(), scope.frozen, scope.notes
        scope.frozen, scope.notes = True, {**notes, "stateless": True, "losses": []}
        try:
            for v, value in zip(variables, [ops.cast(value, v.dtype) for v, value in zip(variables, values)]):
                v.check_shape(tuple(value.shape))
                scope.shadow(v, value)
            outputs = self(*args, **kwargs)
            return outputs, [scope.read(v) for v in self.non_trainable_variables], self.losses
        finally:
            scope.restore(before)
            scope.frozen, scope.notes = frozen, notes

    def _as_tensor(self, leaf: Any) -> Any:
        """Arrays and variables become tensors of this trace; floats get this layer's dtype."""
        if isinstance(leaf, (bool, int, float, str, type(None))):
            return leaf
        if not hasattr(leaf, "dtype") and not hasattr(leaf, "__array__"):
            return leaf
        x = leaf if isinstance(leaf, Tensor) else ops.convert_to_tensor(leaf)
        if self.autocast and is_float(x.dtype) and x.dtype != self._dtype:
            x = ops.cast(x, self._dtype)
        if x is not leaf and (mask := get_mask(leaf)) is not None:
            set_mask(x, mask)
        return x

    def _call_on_arrays(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Traces the call once for each signature; what `add_loss` got is kept for `losses`."""
        if isinstance(kwargs.get("training"), np.bool_):  # an array, it would be data
            kwargs = kwargs | {"training": bool(kwargs["training"])}
        if self._on_arrays is None:

            def traced(masks: list[Any], *args: Any, **kwargs: Any) -> Any:
                for leaf, mask in zip(tree.flatten((args, kwargs)), masks, strict=False):
                    if mask is not None:
                        set_mask(leaf, mask)
                outputs = self(*args, **kwargs)
                scope = current()
                assert scope is not None
                return outputs, scope.notes.get("losses", []), [get_mask(y) for y in tree.flatten(outputs)]

            self._on_arrays = Function(traced)
        masks = [get_mask(leaf) for leaf in tree.flatten((args, kwargs))] if has_masks() else []
        outputs, losses, masks = self._on_arrays(masks, *args, **kwargs)
        for y, mask in zip(tree.flatten(outputs), masks, strict=True):
            if mask is not None:
                set_mask(y, mask)
        for owner in (*self._loss_owners, *(owner for owner, _ in losses)):
            owner._eager_losses = []
        self._loss_owners = [owner for owner, _ in losses]
        for owner, value in losses:
            owner._eager_losses.append(value)
        return outputs

    def _weight_path(self, name: str) -> str:
        """Where a weight made now belongs."""
        stack = _names.stack if _names.stack[-1:] == (self.name,) else (*_names.stack, self.name)
        return "/".join((*stack, name))

    def _named(self) -> _core.Bound[tuple[str, ...]]:
        """Inside, weights are made on a path that this layer is on."""
        stack = _names.stack
        if stack[-1:] != (self.name,):  # the build that a call makes has it already
            stack = (*stack, self.name)
        return _core.Bound(_names, "stack", stack)

    @classmethod
    def _call_parameters(cls) -> dict[str, inspect.Parameter]:
        """The parameters of `call` by name, without self."""
        found: dict[str, inspect.Parameter] | None = cls.__dict__.get("_parameters_of_call")
        if found is None:
            found = dict(list(inspect.signature(cls.call).parameters.items())[1:])
            cls._parameters_of_call = found  # type: ignore[attr-defined]
        return found

    def _build_from(self, args: tuple[Any, ...], kwargs: dict[str, Any], rows: int | None) -> None:
        """Builds for the shapes of a call. In a probe with `rows` rows the size of the batch is None again."""
        self.build(**self._shapes_for(self.build, args, kwargs, rows))

    def _shapes_for(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], rows: int | None
    ) -> dict[str, Any]:
        """The shapes in a call by the parameters of `build` or `compute_output_shape`: the first tensor's for a method
        with one parameter, else `x_shape` is that of the argument x of `call`."""

        def shape_of(x: Any) -> Any:
            if not hasattr(x, "shape"):
                return None
            shape = tuple(x.shape)
            return (None, *shape[1:]) if rows is not None and shape[:1] == (rows,) else shape

        parameters = inspect.signature(method).parameters.values()
        names = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        if len(names) <= 1:
            return {name: tree.map_structure(shape_of, _first(args, kwargs)) for name in names}
        taken = self._call_parameters()
        given = dict(zip(taken, args, strict=False)) | kwargs
        shapes = {}
        for name in names:
            start = (
                f"For a `{method.__name__}()` method with more than one argument, all arguments should have a `_shape` "
                f"suffix and match an argument from `call()`. For layer '{type(self).__name__}', received "
                f"`{method.__name__}()` argument `{name}`, "
            )
            argument = name.removesuffix("_shape")
            if argument == name:
                raise ValueError(start + "which does not end in `_shape`.")
            if argument not in taken:
                raise ValueError(start + f"but `call()` does not have argument `{argument}`.")
            if any(hasattr(leaf, "shape") for leaf in tree.flatten(given.get(argument))):
                shapes[name] = tree.map_structure(shape_of, given[argument])
        return shapes

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The shape(s) of the output for the given input shape(s), None where it may vary."""
        if getattr(type(self).call, "_is_default", False):
            raise not_implemented(self, "compute_output_shape")

        def tensors_of(shapes: Any) -> Any:
            return tree_of_shapes(shapes, lambda shape: KerasTensor(shape, self._dtype))

        tensors, named = tuple(map(tensors_of, args)), {k: tensors_of(v) for k, v in kwargs.items()}
        outputs = infer(self.__call__, tensors, {k.removesuffix("_shape"): v for k, v in named.items()})
        return tree.map_structure(lambda t: t.shape, outputs)


class MaskOf(Operation):
    """The mask of a layer's output, in a functional model.

    >>> import nervure as nv
    >>> y = nv.layers.Masking()(nv.Input((3, 2)))
    >>> nv.Model(y._keras_history.operation.input, y._keras_mask).output_shape
    (None, 3)
    """

    def call(self, x: Any) -> Any:
        """`x`'s mask."""
        return get_mask(x)


def not_implemented(layer: Any, method: str) -> NotImplementedError:
    """The error of a method that a layer's class has to write, or that there is none of."""
    return NotImplementedError(f"Layer {type(layer).__name__} does not have a `{method}` method implemented.")


def _say_where(error: Exception, name: str) -> None:
    """Adds the innermost layer's name to an error that does not name it."""
    message = error.args[0] if len(error.args) == 1 else None
    if isinstance(message, str) and not hasattr(error, "_layer"):
        error._layer = name  # type: ignore[attr-defined]
        if f"'{name}'" not in message:
            error.args = (f"{message} (in layer '{name}')",)


def _is_tensors(value: Any) -> bool:
    return all(isinstance(leaf, Tensor) for leaf in tree.flatten(value)) and bool(tree.flatten(value))


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The inputs: the first positional argument, or the first keyword one."""
    if args:
        return args[0]
    for key, value in kwargs.items():
        if key not in ("training", "mask"):
            return value
    raise TypeError("missing a required argument: 'inputs'")


def is_shape(x: Any) -> bool:
    """True for a tuple or list of sizes and Nones."""
    return isinstance(x, (tuple, list)) and all(d is None or isinstance(d, (int, np.integer)) for d in x)


def tree_of_shapes(structure: Any, function: Callable[[Sequence[int | None]], Any]) -> Any:
    """Maps `function` over the shapes in a structure of shapes."""
    if isinstance(structure, dict):
        return {k: tree_of_shapes(v, function) for k, v in structure.items()}
    if is_shape(structure) and len(structure) > 0:
        return function(structure)
    if isinstance(structure, (list, tuple)):
        return type(structure)(tree_of_shapes(v, function) for v in structure)
    return structure
