"""`TensorBoard`: curves, histograms and the model for TensorBoard."""

from __future__ import annotations

import os
import time
import warnings
from typing import Any

import numpy as np

from .callback import Callback, Logs, overrides
from .event_file import EventFile
from .learning_rates import log_rates

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes event files, which `tensorboard --logdir LOG_DIR` shows, to `log_dir/train` and `log_dir/validation`.

    TensorFlow is not needed. After each epoch: `epoch_loss` and so for every log, and `epoch_learning_rate`. After
    evaluation: `evaluation_loss_vs_iterations` and so on.

    Args:
        log_dir: a directory of its own.
        histogram_freq: every how many epochs to write histograms of the weights; 0 for never.
        write_graph: writes the model's config, from which TensorBoard draws its layers.
        write_images: writes weights as pictures too, with their histograms.
        write_steps_per_second: writes `epoch_steps_per_second`, and `batch_steps_per_second` where batches are written.
        update_freq: "epoch", or every how many batches to write `batch_loss` and so on; "batch" is 1.
        profile_batch: must be 0: there is no profile to write. ValueError otherwise.
        embeddings_freq: every how many epochs to save the weights for the projector of embeddings; 0 for never.
        embeddings_metadata: files of metadata for the projector, by layer name, or one for all.

    >>> import os, tempfile, numpy as np, nervure as nv
    >>> logs = tempfile.mkdtemp()
    >>> model = nv.Sequential([nv.Input((2,)), nv.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> run = model.fit(np.ones((4, 2)), np.ones(4), verbose=0, callbacks=[TensorBoard(logs, write_graph=False)])
    >>> os.listdir(logs)
    ['train']
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        if profile_batch:
            raise ValueError(
                f"Profiling is not available with nervure. Received: profile_batch={profile_batch} (must be 0)"
            )
        every = 1 if update_freq == "batch" else update_freq
        if every != "epoch" and (isinstance(every, bool) or not isinstance(every, int) or every < 1):
            raise ValueError(
                f"TensorBoard: expected `update_freq` to be 'epoch', 'batch' or a positive integer, got {update_freq!r}"
            )
        self.log_dir = str(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = every
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._files: dict[str, EventFile] = {}
        self._global_train_batch = 0
        self._batch_start = self._epoch_start = 0.0
        self._iterations_before = 0

    def _wants_batches(self, mode: str) -> bool:
        return overrides(self, mode, TensorBoard if self.update_freq == "epoch" or mode != "train" else Callback)

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._close()
        if self.write_graph:
            self._write_model()
        if self.embeddings_freq:
            self._write_projector()

    def _file(self, name: str) -> EventFile:
        """The event file of "train" or "validation", made when there is something to write."""
        if name not in self._files:
            self._files[name] = EventFile(os.path.join(self.log_dir, name))
        return self._files[name]

    def _close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files = {}

    def _write_model(self) -> None:
        model: Any = self.model
        if not getattr(model, "inputs", None):
            return  # only of layers that are known before anything is computed is there a graph
        try:
            config = model.to_json()
        except Exception as error:
            warnings.warn(f"Model failed to serialize as JSON. Ignoring... {error}", stacklevel=4)
            return
        self._file("train").model("keras", config, 0)

    def _write_projector(self) -> None:
        """The text of the projector's `ProjectorConfig`."""
        names = [layer.name for layer in self.model.layers if type(layer).__name__ == "Embedding"]
        given = self.embeddings_metadata
        if given and not isinstance(given, str) and (unknown := [name for name in given if name not in names]):
            raise ValueError(
                "Unrecognized `Embedding` layer names passed to `keras.callbacks.TensorBoard` `embeddings_metadata` "
                f"argument: {unknown}"
            )
        parts = []
        for name in names:
            path = given if isinstance(given, str) else (given or {}).get(name)
            metadata = f"  metadata_path: {_quoted(path)}\n" if path else ""
            tensor = "layer_with_weights-0/embeddings/.ATTRIBUTES/VARIABLE_VALUE"
            parts.append(f"embeddings {{\n  tensor_name: {_quoted(tensor)}\n{metadata}}}\n")
        os.makedirs(self.log_dir, exist_ok=True)
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "w", encoding="utf-8") as file:
            file.write("".join(parts))

    # ---- batches ----

    def on_train_begin(self, logs: Logs = None) -> None:
        self._global_train_batch = 0

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._global_train_batch += 1
        self._batch_start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        step = self._global_train_batch
        if not isinstance(self.update_freq, int) or step % self.update_freq:
            return
        file = self._file("train")
        if self.write_steps_per_second:
            file.scalar("batch_steps_per_second", 1.0 / max(time.perf_counter() - self._batch_start, 1e-9), step)
        for name, value in (logs or {}).items():
            file.scalar(f"batch_{name}", value, step)

    # ---- epochs ----

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self.write_steps_per_second:
            self._iterations_before = self._iterations()
            self._epoch_start = time.perf_counter()

    def _iterations(self) -> int:
        return int(self.model.optimizer.iterations.numpy())

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._write_epoch(epoch, logs or {})
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            os.makedirs(os.path.join(self.log_dir, "train"), exist_ok=True)
            model: Any = self.model
            model.save_weights(os.path.join(self.log_dir, "train", f"keras_embedding.ckpt-{epoch}.weights.h5"))
        for file in self._files.values():
            file.flush()

    def _write_epoch(self, epoch: int, logs: dict[str, Any]) -> None:
        if not logs:
            return
        train = {name: value for name, value in logs.items() if not name.startswith("val_")}
        log_rates(self.model, train)
        if self.write_steps_per_second:
            steps = self._iterations() - self._iterations_before
            train["steps_per_second"] = steps / max(time.perf_counter() - self._epoch_start, 1e-9)
        for name, value in train.items():
            self._file("train").scalar(f"epoch_{name}", value, epoch)
        for name, value in logs.items():
            if name.startswith("val_"):
                self._file("validation").scalar(f"epoch_{name[4:]}", value, epoch)

    def _write_weights(self, epoch: int) -> None:
        file = self._file("train")
        for layer in self.model.layers:
            for weight in layer.weights:
                name, values = weight.path.replace(":", "_"), weight.numpy()
                file.histogram(f"{name}/histogram", values, epoch)
                if self.write_images and (pixels := _pixels(values)) is not None:
                    file.images(f"{name}/image", pixels, epoch)

    # ---- ends ----

    def on_test_end(self, logs: Logs = None) -> None:
        if getattr(self.model.optimizer, "iterations", None) is None:
            return
        for name, value in (logs or {}).items():
            self._file("validation").scalar(f"evaluation_{name}_vs_iterations", value, self._iterations())
        self._file("validation").flush()

    def on_train_end(self, logs: Logs = None) -> None:
        self._close()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _pixels(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
    """A weight as pictures (n, height, width, channels), the longer side across; None if it has no such form."""
    values = np.squeeze(values)
    if values.ndim == 1:
        return values.reshape(1, -1, 1, 1)
    if values.ndim == 2:
        return (values.T if values.shape[0] > values.shape[1] else values)[None, :, :, None]
    if values.ndim == 3:
        return np.moveaxis(values, 2, 0)[..., None]
    return values if values.ndim == 4 and values.shape[-1] in (1, 3, 4) else None
