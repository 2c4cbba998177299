"""Callbacks: Python that runs at the joints of training.

While no callback overrides a batch hook, an epoch is one call into C. With one, each step is. The callbacks here ask
for that only in the settings that need it: a checkpoint every so many batches, TensorBoard's curves by batch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .._absent import missing
from .callback import Callback
from .callback_list import CallbackList
from .history import History
from .lambda_callback import LambdaCallback
from .progbar_logger import ProgbarLogger

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "Convergence",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "MonitorCallback",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]

_ELSEWHERE = {
    "BackupAndRestore": "backup_and_restore",
    "CSVLogger": "csv_logger",
    "Convergence": "convergence",
    "EarlyStopping": "early_stopping",
    "LearningRateScheduler": "learning_rate_scheduler",
    "ModelCheckpoint": "model_checkpoint",
    "MonitorCallback": "monitor_callback",
    "ReduceLROnPlateau": "reduce_lr_on_plateau",
    "RemoteMonitor": "remote_monitor",
    "SwapEMAWeights": "swap_ema_weights",
    "TensorBoard": "tensorboard",
    "TerminateOnNaN": "terminate_on_nan",
}

if TYPE_CHECKING:
    from .backup_and_restore import BackupAndRestore
    from .convergence import Convergence
    from .csv_logger import CSVLogger
    from .early_stopping import EarlyStopping
    from .learning_rate_scheduler import LearningRateScheduler
    from .model_checkpoint import ModelCheckpoint
    from .monitor_callback import MonitorCallback
    from .reduce_lr_on_plateau import ReduceLROnPlateau
    from .remote_monitor import RemoteMonitor
    from .swap_ema_weights import SwapEMAWeights
    from .tensorboard import TensorBoard
    from .terminate_on_nan import TerminateOnNaN
else:

    def __getattr__(name: str) -> Any:
        if name not in _ELSEWHERE:
            raise missing(__name__, name)
        value = getattr(importlib.import_module(f"{__name__}.{_ELSEWHERE[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
