"""`timeseries_dataset_from_array`: sliding windows over a series."""

from __future__ import annotations

from typing import Any

import numpy as np

from .row_dataset import RowDataset

__all__ = ["timeseries_dataset_from_array"]


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> RowDataset:
    """Windows over `data`, whose axis 0 is time, in batches for `fit`; with `targets`, pairs (windows, targets).

    Window number k begins at time `k * sequence_stride` and takes `sequence_length` times, one in `sampling_rate`;
    its target is that of its first time. `start_index` and `end_index` bound the times used. batch_size=None gives
    windows one by one. shuffle=True takes them in another order each time. Windows are copied batch by batch, never
    all at once. `format` has no effect. ValueError for arguments that do not fit the data.

    >>> windows = timeseries_dataset_from_array(np.arange(5), None, sequence_length=3)
    >>> [batch.tolist() for batch in windows]
    [[[0, 1, 2], [1, 2, 3], [2, 3, 4]]]
    """
    n = len(data)
    if start_index and not 0 <= start_index < n:
        raise ValueError(
            f"`start_index` must be 0 or greater and lower than the length of the data. Received: "
            f"start_index={start_index}, for data of length {n}"
        )
    if end_index is not None and not (start_index or 0) < end_index < n:
        raise ValueError(
            "`end_index` must be higher than `start_index` (or 0) and lower than the length of the data. Received: "
            f"start_index={start_index}, end_index={end_index}, for data of length {n}"
        )
    for name, value in (("sampling_rate", sampling_rate), ("sequence_stride", sequence_stride)):
        if not 0 < value < n:
            raise ValueError(
                f"`{name}` must be higher than 0 and lower than the length of the data. Received: {name}={value}, for "
                f"data of length {n}"
            )
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` should be either "tf" or "grain". Received: format={format}')
    if sequence_length < 1:
        raise ValueError(f"`sequence_length` must be higher than 0. Received: sequence_length={sequence_length}")
    first, last = start_index or 0, n if end_index is None else end_index
    count = last - first - (sequence_length - 1) * sampling_rate
    if targets is not None:
        count = min(count, len(targets) - first)
    starts = first + np.arange(0, max(count, 0), sequence_stride)
    steps = np.arange(0, sequence_length * sampling_rate, sampling_rate)
    series = np.asarray(data)
    labels = None if targets is None else np.asarray(targets)

    def rows(numbers: np.ndarray[Any, Any]) -> Any:
        begins = starts[numbers]
        windows = series[begins[:, None] + steps]
        return windows if labels is None else (windows, labels[begins])

    if shuffle and seed is None:
        seed = int(np.random.randint(2**31))
    return RowDataset(len(starts), rows, batch_size, seed if shuffle else None)
