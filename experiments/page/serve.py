"""Start the page's server: on this machine unless another address is asked for."""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import os
import socket
import threading
import webbrowser

from experiments.runs.options import extra
from experiments.runs.streams import say
from model.core.errors import InputError

HOST, PORT = "127.0.0.1", 8765


def serve(host: str = HOST, port: int = PORT, open_browser: bool = True) -> None:
    """Serve the page until Ctrl-C.

    Parameters
    ----------
    host : str
        Address; any but this machine's prints a warning, since there is neither password nor encryption.
    port : int
        0 takes a free one.
    open_browser : bool

    Raises
    ------
    InputError
        If the packages of the page are missing or the address cannot be used.
    """
    _share_a_heap()
    os.environ["SOLARA_APP"] = f"{__package__}.app"
    os.environ.setdefault("SOLARA_TELEMETRY_MIXPANEL_ENABLE", "False")
    with _bound(host, port) as listening:
        port = listening.getsockname()[1]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        if not _local(host):
            say(f"warning: {host} can be reached from other machines; the page has neither password nor encryption")
        try:
            import solara.server.settings
            import uvicorn
        except ModuleNotFoundError as error:
            raise InputError(f"the page: {error.name} is missing; {extra('app')}") from None
        solara.server.settings.main.mode = "production"
        solara.server.settings.main.host = host

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                """Say where the page is as soon as it can be opened."""
                await super().startup(sockets)
                print(f"The page is at {url} (Ctrl-C ends it)", flush=True)
                if open_browser:
                    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

        config = uvicorn.Config("solara.server.starlette:app", log_level="warning", access_log=False)
        with contextlib.suppress(KeyboardInterrupt):
            Server(config).run([listening])


def _share_a_heap() -> None:
    """Give all threads one heap where the C library is GNU's: it keeps several, each as large as the largest run in it was."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(-8, 1)  # M_ARENA_MAX


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        found = socket.socket(family)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"--host {host} --port {port}: {reason}") from None
    return found


def _local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
