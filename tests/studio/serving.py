"""A server of a session for a test, on a free port of this machine."""

import threading
import time
from contextlib import contextmanager

import uvicorn

from diffFx_pytorch.studio.server import app

WAIT = 60


@contextmanager
def serving(session, token=""):
    """A server of a session on a free port; gives its address."""
    config = uvicorn.Config(app(session, token), port=0, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + WAIT
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(WAIT)
        assert not thread.is_alive()
