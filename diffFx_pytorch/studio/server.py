"""The studio over HTTP: a page, what it asks for, and events; see ``session`` for what happens."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import os
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import resources
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from ..files import audio_info
from ..render.atomic import replacing
from . import pictures
from .catalogue import catalogue
from .engine import OutdatedError, Take, as_float32
from .jobs import Jobs, rendering
from .overview import Overview
from .session import Session

_COOKIE = "difffx-token"
_HEADER = "x-difffx"
_SAVE_SECONDS, _BEAT_SECONDS = 1.0, 10.0
_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
_STATIC = str(resources.files("diffFx_pytorch.studio").joinpath("static"))


def app(session: Session, token: str = "", hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")) -> Any:
    """The application.

    Args:
        session: that it shows.
        token: that a page must bring, as ``?token=`` the first time; empty for none.
        hosts: names by which a request may call this machine where there is no token, so that no page of another site
            reaches it under a name of its own.
    """
    studio = Studio(session)
    routes = [
        Route("/", studio.page),
        Route("/api/state", studio.state),
        Route("/api/catalogue", studio.catalogue),
        Route("/api/files", studio.files),
        Route("/api/files/{name}", studio.upload, methods=["PUT"]),
        Route("/api/download", studio.download),
        Route("/api/do", studio.do, methods=["POST"]),
        Route("/api/take", studio.take),
        Route("/api/pictures", studio.pictures),
        Route("/api/curve", studio.curve),
        Route("/api/overview", studio.overview),
        Route("/api/events", studio.events),
        Route("/api/job", studio.job, methods=["POST"]),
        Route("/api/jobs", studio.all_jobs),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]
    return Guard(Starlette(routes=routes, lifespan=studio.lifespan), token, hosts)


class Guard:
    """Lets through what comes from the studio's own page.

    Args:
        inner: the application.
        token: as for ``app``.
        hosts: likewise.
    """

    def __init__(self, inner: Any, token: str, hosts: tuple[str, ...]) -> None:
        self.inner, self.token, self.hosts = inner, token, hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        request = Request(scope)
        refused = self._refusal(request)
        if refused is not None:
            await refused(scope, receive, send)
            return

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                headers += [(b"content-security-policy", _POLICY.encode()), (b"cache-control", b"no-store")]
                headers += [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
            await send(message)

        await self.inner(scope, receive, answer)

    def _refusal(self, request: Request) -> Response | None:
        host = request.headers.get("host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if self.token:
            given = request.query_params.get("token", "")
            if given and hmac.compare_digest(given.encode(), self.token.encode()) and request.url.path == "/":
                home = RedirectResponse("/", 303)
                home.set_cookie(_COOKIE, self.token, httponly=True, samesite="strict")
                return home
            if not hmac.compare_digest(request.cookies.get(_COOKIE, "").encode(), self.token.encode()):
                return JSONResponse({"problem": "open the address with its token, as the program printed it"}, 403)
        elif name not in self.hosts:
            return JSONResponse({"problem": f"this studio is not called {host!r}"}, 403)
        if request.method not in ("GET", "HEAD") and request.headers.get(_HEADER) != "1":
            return JSONResponse({"problem": "only the studio's own page may change anything"}, 403)
        return None


def _answered(handler: Callable[[Any, Request], Awaitable[Response]]) -> Callable[[Any, Request], Awaitable[Response]]:
    async def safe(self: Any, request: Request) -> Response:
        try:
            return await handler(self, request)
        except (ValueError, OSError) as error:
            text = (
                f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
            )
            return JSONResponse({"problem": text.replace(str(self.session.folder.root) + os.sep, "")}, 422)

    return safe


class Studio:
    """What answers requests.

    Args:
        session: that it shows.
    """

    def __init__(self, session: Session) -> None:
        self.session, self.jobs, self.overviews = session, Jobs(session), Overview()
        self._taken: tuple[Take, Any, Any] | None = None
        self._dry: tuple[Any, Any] = None, None
        self._take_lock = threading.Lock()
        self._closing = asyncio.Event()

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any) -> AsyncIterator[None]:
        """Remember the session while the server runs, and when it ends."""

        async def remember() -> None:
            while True:
                await asyncio.sleep(_SAVE_SECONDS)
                with contextlib.suppress(OSError):
                    await run_in_threadpool(self.session.save)

        task = asyncio.create_task(remember())
        try:
            yield
        finally:
            task.cancel()
            self.jobs.stop_all()
            self.session.save()

    async def page(self, request: Request) -> Response:
        """The page."""
        return FileResponse(os.path.join(_STATIC, "index.html"))

    @_answered
    async def state(self, request: Request) -> Response:
        """What the page shows."""
        return JSONResponse(await run_in_threadpool(self.session.state))

    @_answered
    async def catalogue(self, request: Request) -> Response:
        """What can be put into a rack."""
        return JSONResponse(await run_in_threadpool(catalogue))

    @_answered
    async def files(self, request: Request) -> Response:
        """Sound and chain files of the folder."""
        folder = self.session.folder
        found = await run_in_threadpool(lambda: {"sounds": folder.sounds(), "chains": folder.chains()})
        return JSONResponse(found)

    @_answered
    async def upload(self, request: Request) -> Response:
        """Put a file into the folder; a sound that cannot be read is refused, and nothing of it stays."""
        folder = self.session.folder
        name = folder.free_name(request.path_params["name"])
        target = folder.path(name)
        try:
            with replacing(target) as part:
                with open(part, "wb") as file:
                    async for chunk in request.stream():
                        await run_in_threadpool(file.write, chunk)
                if target.suffix.lower() not in (".yaml", ".yml"):
                    info = await run_in_threadpool(audio_info, part)
                    if not info.frames:
                        raise ValueError("it has no samples")
        except ClientDisconnect:
            return Response(status_code=400)
        except (OSError, ValueError) as error:
            why = str(error).rpartition(".part: ")[2]
            raise ValueError(f"{name} cannot be used: {why}") from None
        return JSONResponse({"name": name})

    @_answered
    async def download(self, request: Request) -> Response:
        """A file of the folder, to keep elsewhere."""
        path = self.session.folder.path(request.query_params.get("name", ""))
        if not path.is_file():
            raise ValueError(f"{path.name}: is not there")
        return FileResponse(path, filename=path.name)

    @_answered
    async def do(self, request: Request) -> Response:
        """Change something; see ``Session.apply``."""
        said = await _read_json(request)

        def done() -> Any:
            self.session.apply(said)
            return self.session.state()

        return JSONResponse(await run_in_threadpool(done))

    @_answered
    async def take(self, request: Request) -> Response:
        """The part of the sound that is looped, through the rack or (``dry=1``) as it is.

        The length of a header, four bytes; the header, JSON; then the samples, float32, channel after channel. With
        ``near``, a place in seconds, only what is heard next; with ``from`` and ``to`` the part that follows.
        """
        dry = request.query_params.get("dry") == "1"
        known = request.query_params.get("known", "")
        said = request.query_params.get("near")
        near = None if said is None else float(said)
        edges = [request.query_params.get(edge) for edge in ("from", "to")]
        span = None if None in edges else (float(edges[0] or 0), float(edges[1] or 0))

        def taken() -> bytes:
            try:
                revision, take, sound = self.session.take(near, span)
            except OutdatedError:
                return _packed({"outdated": True, "frames": 0, "channels": 0}, b"")
            if near is None and span is None:
                with self._take_lock:
                    self._taken = (take, sound, (self.session.source, self.session.loop))
            given = sound if dry else take.sound
            header = {
                "revision": revision,
                "key": take.key,
                "rate": self.session.desk.rate,
                "channels": given.shape[0],
                "frames": given.shape[1],
                "start": self.session.loop[0] if span is None else span[0],
                "ran": take.ran,
                "milliseconds": round(1e3 * take.seconds, 1),
            }
            if known and known == take.key:
                return _packed({**header, "frames": 0}, b"")
            return _packed(header, as_float32(given).tobytes())

        return Response(await run_in_threadpool(taken), media_type="application/octet-stream")

    @_answered
    async def pictures(self, request: Request) -> Response:
        """Levels, gains, spectra and loudness of the last take."""

        def drawn() -> dict[str, Any]:
            with self._take_lock:
                kept = self._taken
            if kept is None:
                raise ValueError("nothing has been played yet")
            take, dry, part = kept
            rate = self.session.desk.rate
            if self._dry[0] != part:  # it is the same for every turn of a knob
                self._dry = part, _about(dry, rate)
            return {
                "key": take.key,
                "rate": pictures.RATE_OF_METERS,
                "dry": self._dry[1],
                "wet": _about(take.sound, rate),
                "meters": {id: pictures.meter(found) for id, found in take.meters.items()},
                "steps": {
                    id: {"level_db": pictures.levels_db(y, rate), "gain_db": pictures.gains_db(x, y, rate)}
                    for id, (x, y) in take.steps.items()
                },
            }

        return JSONResponse(await run_in_threadpool(drawn))

    @_answered
    async def curve(self, request: Request) -> Response:
        """What an effect does, as a line."""
        return JSONResponse(await run_in_threadpool(self.session.curve, request.query_params.get("node", "")))

    @_answered
    async def overview(self, request: Request) -> Response:
        """The picture of the whole file, as far as it is read."""
        source = self.session.source
        if source is None:
            raise ValueError("no sound is open")
        return JSONResponse(self.overviews.of(self.session.folder.path(source.name), source.info))

    @_answered
    async def job(self, request: Request) -> Response:
        """Begin a job, or stop one."""
        said = await _read_json(request)
        kind = said.get("kind")
        if said.get("stop"):
            self.jobs.stop(str(kind))
        elif kind == "render":
            work = await run_in_threadpool(
                rendering, self.session, str(said.get("name", "")), bool(said.get("overwrite"))
            )
            self.jobs.start("render", work)
        elif kind == "match":
            from .matching import matching

            how, seconds = said.get("how", "wet"), float(said.get("seconds", 20))
            frozen = tuple(map(str, said.get("frozen", ())))
            work = await run_in_threadpool(
                matching, self.session, str(said.get("name", "")), how, min(max(seconds, 1.0), 600.0), frozen
            )
            self.jobs.start("match", work)
        else:
            raise ValueError(f"{kind!r} is no job")
        return JSONResponse(self.jobs.states)

    async def all_jobs(self, request: Request) -> Response:
        """How far the jobs are."""
        return JSONResponse(self.jobs.states)

    async def events(self, request: Request) -> Response:
        """What happens, as it happens: server-sent events."""
        loop, queue = asyncio.get_running_loop(), asyncio.Queue()

        def heard(kind: str, message: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(queue.put_nowait, (kind, message))

        unlisten = self.session.listen(heard)

        async def told() -> AsyncIterator[str]:
            try:
                yield f"event: hello\ndata: {json.dumps({'revision': self.session.revision})}\n\n"
                while True:
                    try:
                        kind, message = await asyncio.wait_for(queue.get(), _BEAT_SECONDS)
                        yield f"event: {kind}\ndata: {json.dumps(message)}\n\n"
                    except asyncio.TimeoutError:
                        yield ": still here\n\n"
            finally:
                unlisten()

        return StreamingResponse(told(), media_type="text/event-stream")


def _about(sound: Any, rate: float) -> dict[str, Any]:
    return {
        "level_db": pictures.levels_db(sound, rate),
        "spectrum": pictures.spectrum_db(sound, rate),
        "lufs": pictures.loudness_lufs(sound, rate),
        "power_db": pictures.power_db(sound),
    }


def _packed(header: dict[str, Any], samples: bytes) -> bytes:
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<I", len(text)) + text + samples


async def _read_json(request: Request) -> dict[str, Any]:
    try:
        said = json.loads(await request.body())
    except ValueError:
        raise ValueError("a request is JSON") from None
    if not isinstance(said, dict):
        raise ValueError("a request is an object")
    return said


def address(host: str, port: int, token: str) -> str:
    """What to open in a browser."""
    name = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/" + (f"?token={quote(token)}" if token else "")
