"""The studio's server, until Ctrl-C."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable

import uvicorn

from .server import address, app
from .session import Session


def serve(
    session: Session,
    host: str = "127.0.0.1",
    port: int = 8765,
    token: str = "",
    *,
    needs_token: bool = False,
    ready: Callable[[str], None] = lambda url: None,
) -> None:
    """Serve a session until the process is told to end.

    Args:
        session: to serve.
        host: address to listen at.
        port: a number; 0 takes a free one, and so does one that is taken.
        token: that browsers must know.
        needs_token: whether one is made up where none is given.
        ready: called with what to open in a browser.

    Raises:
        OSError: for an address that is not this machine's.
    """
    token = token or (secrets.token_urlsafe(24) if needs_token else "")
    with _listening(host, port) as heard:
        config = uvicorn.Config(
            app(session, token), log_level="warning", timeout_graceful_shutdown=1, lifespan="on", access_log=False
        )
        ready(address(host, heard.getsockname()[1], token))
        uvicorn.Server(config).run([heard])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in (port, 0) if port else (0,):
        heard = socket.socket(family)
        heard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            heard.bind((host, number))
            heard.listen(64)
            return heard
        except OSError:
            heard.close()
            if not number or number != port:
                raise
            if port == 0:
                raise
    raise OSError(f"cannot listen at {host}")
