"""Runs on a cluster: dask's scheduler behind the interface of `concurrent.futures`. How to start one: docs/cluster.md."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any

from experiments.runs.digest import code_digest
from experiments.runs.options import extra
from experiments.runs.pool import Outcome, Task, each
from experiments.runs.workers import RunStopped
from model.core.errors import InputError

CONNECT_SECONDS = 15
_ONE = threading.Lock()


class OtherCode(RuntimeError):
    """A worker has other code, data or package versions than the process that asks."""


class Cluster:
    """The workers of a dask scheduler as a `Pool`.

    A worker that dies is dask's matter: it runs the call again on another, and gives up after its
    ``distributed.scheduler.allowed-failures`` (3). Such a run is then tried alone once more before it is an error.

    Parameters
    ----------
    client : distributed.Client
    address : str
        As the user named it.
    """

    call_seconds, deaths = 0.2, 1

    def __init__(self, client: Any, address: str) -> None:
        from distributed.scheduler import KilledWorker

        self.client, self.address, self._killed = client, address, KilledWorker
        self.executor = client.get_executor(pure=False)
        self._ahead, self._asked = 2, -1.0

    def ahead(self) -> int:
        """Return two calls a worker, at least two; workers may come and go."""
        if time.monotonic() - self._asked > 1.0 and self.client.status == "running":
            with contextlib.suppress(OSError):  # the scheduler is going away, and the calls will say so
                self._ahead = max(2 * len(self.client.nthreads()), 2)
            self._asked = time.monotonic()
        return self._ahead

    def submit(self, work: Callable[[Task], Outcome], tasks: Sequence[Task]) -> Future[list[Outcome]]:
        """Begin a call."""
        future: Future[list[Outcome]] = self.executor.submit(there, work, tasks, code_digest())
        return future

    def lost(self, error: BaseException | None) -> bool:
        """Return whether a call ended because its workers died.

        Raises
        ------
        RunStopped
            If the scheduler is gone or its workers cannot run us.
        """
        if error is None or isinstance(error, self._killed):
            return error is not None
        words = "the scheduler is gone" if isinstance(error, CancelledError) else f"{type(error).__name__}: {error}"
        raise RunStopped(f"cluster {self.address!r}: {words}; what was done is kept, and the same command goes on")

    def settle(self, pending: Collection[Future[list[Outcome]]]) -> set[Future[list[Outcome]]]:
        """Return nothing more: other calls go on."""
        return set()

    def close(self) -> None:
        """Cancel what is under way and leave the cluster running."""
        if self.client.status == "running":
            self.executor.shutdown(wait=False)
        if self.client.status != "closed":
            with contextlib.suppress(TimeoutError, OSError):
                self.client.close(timeout=2)


def there(work: Callable[[Task], Outcome], tasks: Sequence[Task], code: str) -> list[Outcome]:
    """Return the outcomes of tasks on a worker, which does one call at a time.

    Raises
    ------
    OtherCode
        If the worker's code is not that of the process that asks.
    """
    if code_digest() != code:
        raise OtherCode("a worker has other code or package versions than this process; install the same on both")
    with _ONE:
        return each(work, tasks)


def connected(address: str) -> Cluster:
    """Return the cluster at an address.

    Raises
    ------
    InputError
        If the extra is not installed or no scheduler answers.
    """
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host_port
    except ImportError:
        raise InputError(f"--cluster {address!r}: {extra('cluster')}") from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is said by us
    try:
        with socket.create_connection(get_address_host_port(address), timeout=CONNECT_SECONDS):
            pass  # a client that finds nobody leaves a thread behind
        client: Any = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, RuntimeError) as error:
        words = " ".join(str(error).split())
        raise InputError(f"--cluster {address!r}: no dask scheduler answers ({words})") from None
    return Cluster(client, address)
