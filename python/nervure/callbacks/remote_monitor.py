"""`RemoteMonitor`: the logs of each epoch sent to a server."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from .callback import Callback, Logs

__all__ = ["RemoteMonitor"]


class RemoteMonitor(Callback):
    """Sends the epoch and the logs, as JSON, to `root + path` by HTTP POST after each epoch.

    The JSON is the field `field` of a form, or the whole body with send_as_json=True. `headers` are added to the
    request. A server that cannot be reached is a warning.

    >>> RemoteMonitor("http://localhost:9000").path
    '/publish/epoch/end/'
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        import json
        from urllib.error import HTTPError
        from urllib.parse import urlencode
        from urllib.request import Request, urlopen

        values = {key: value.item() if hasattr(value, "item") else value for key, value in (logs or {}).items()}
        text = json.dumps({"epoch": epoch, **values})
        if self.send_as_json:
            body, kind = text, "application/json"
        else:
            body, kind = urlencode({self.field: text}), "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind, **(self.headers or {})}
        try:
            urlopen(Request(self.root + self.path, body.encode(), headers, method="POST")).close()
        except HTTPError as answer:  # it was reached, and did not like it
            answer.close()
        except OSError:
            warnings.warn(f"Could not reach RemoteMonitor root server at {self.root}", stacklevel=2)
