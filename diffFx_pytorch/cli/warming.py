"""The command that compiles ahead: `warm`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .app import FAILED, Quiet, app, consoles, print_lines, progress_bar, refuse

if TYPE_CHECKING:
    from torch import Tensor


@app.command()
def warm(quiet: Quiet = False) -> None:
    """Compile every kernel now, for this user and machine, so that nothing compiles at first use.

    Kernels are kept in $DIFFFX_CACHE or the user's folder for caches; what is there already is left alone.
    """
    from ..kernels import compiling, store

    place = store.folder()
    if place is None:
        refuse(OSError("there is no home folder: set DIFFFX_CACHE to a folder to keep kernels in"), FAILED)
    compiling.notice.patience = float("inf")  # the bar says it
    before, start = _kept(place), time.perf_counter()
    steps = list(tasks())
    with progress_bar(lambda: len(steps), quiet) as show:
        for name, run in steps:
            if show:
                show(description=name)
            run()
            if show:
                show(advance=1)
    after = _kept(place)
    if not after:
        refuse(OSError(f"nothing could be kept in {place}"), FAILED)
    if not quiet:
        size = sum(path.stat().st_size for path in after) / 1e6
        seconds = time.perf_counter() - start
        text = f"compiled {len(after - before)} kernels in {seconds:.0f} s; {place} holds {len(after)}, {size:.0f} MB"
        print_lines(consoles()[0], text)


def _kept(place: Any) -> set[Any]:
    return {path for path in place.glob("*") if path.suffix != ".part"}


def tasks() -> Iterator[tuple[str, Callable[[], None]]]:
    """What to run, by name, to have called every kernel with every type of argument that effects and engines use."""
    import torch

    from .. import registry

    for dtype in (torch.float32, torch.float64):
        for name, cls in sorted(registry.effects().items()):
            for options in cls.variants:
                yield name, lambda cls=cls, options=options, dtype=dtype: _warm_effect(cls, options, dtype)
        for name, run in ENGINES.items():
            yield name, lambda run=run, dtype=dtype: run(dtype)


def _warm_effect(cls: Any, options: Mapping[str, Any], dtype: Any) -> None:
    import torch

    fx = cls(sample_rate=44100, **options)
    channels = max(fx.channels or (2,))
    for batch, points in ((1, ()), (16, ()), (1, (5,)), (16, (5,))):  # rows one by one and side by side
        x = torch.randn(batch, channels, 600, dtype=dtype)
        knobs = torch.full((batch, len(fx.param_names), *points), 0.5, dtype=dtype)
        if points:
            knobs[..., ::2] += 0.01
            if not all(param.automatable for param in fx.params.values()):
                continue
        with torch.no_grad():
            fx(x, norm_params=knobs)
        _train(lambda x, knobs: fx(x, norm_params=knobs), x, knobs)


def _train(function: Callable[..., Any], *inputs: Tensor) -> None:
    import torch

    given = [t.detach().requires_grad_(t.is_floating_point() or t.is_complex()) for t in inputs]
    with torch.no_grad():
        function(*inputs)
    outputs = function(*given)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    wanted = [t for t in outputs if t.requires_grad]
    if wanted:
        torch.autograd.backward(wanted, [torch.ones_like(t) for t in wanted])


def _recursions(dtype: Any) -> None:
    import torch

    from .. import recursion as r

    for rows in (1, 16):
        x = torch.randn(rows, 600, dtype=dtype)
        for order in (1, 2, 5):
            a = torch.full((order,), 0.1, dtype=dtype)
            _train(r.allpole, x, a)
            _train(r.allpole, x, a.expand(rows, 600, order).contiguous())
            _train(r.lfilter, x, torch.ones(order + 1, dtype=dtype), torch.cat([a.new_ones(1), a]))
        for sections in (1, 6):
            sos = torch.tensor([1.0, 0.1, 0.1, 1.0, 0.1, 0.1], dtype=dtype).repeat(sections, 1)
            _train(r.sosfilt, x, sos)
            _train(r.sosfilt, x, sos.expand(rows, 600, sections, 6).contiguous())
            svf = r.sos_to_svf(sos)
            _train(r.svfilt, x, svf)
            _train(r.svfilt, x, svf.expand(rows, 600, sections, 5).contiguous())
        _train(r.linear_recursion, x.unsqueeze(-1), x.new_full((1, 1), 0.1))
        _train(lambda x: r.running_max(x, 10), x)


def _systems(dtype: Any) -> None:
    import torch

    from ..lti.ops import closed_loop, delay_response, loop_impulse, solve, sos_response

    kind = torch.complex64 if dtype == torch.float32 else torch.complex128
    eye = torch.eye(3, dtype=dtype)
    diagonal, rhs = torch.full((3, 40), 0.5, dtype=kind), torch.ones(3, 2, 40, dtype=kind)
    _train(solve, eye.to(kind)[..., None].expand(3, 3, 40).contiguous(), rhs)
    for matrix in (0.5 * eye, 0.5 * eye.to(kind)):
        _train(closed_loop, diagonal, matrix, diagonal, rhs)
    _train(lambda matrix, b, c: loop_impulse(matrix, torch.tensor([7, 9, 11]), b, c, 100), 0.5 * eye, eye, eye)
    _train(lambda delay: delay_response(delay, 80, dtype=kind), torch.tensor([7.5, 9.0], dtype=dtype))
    delay_response(torch.tensor([7, 9]), 80, dtype=kind)
    for precision in {dtype, torch.float64}:
        sos = torch.tensor([[1.0, 0.1, 0.1, 1.0, 0.1, 0.1]], dtype=precision)
        _train(lambda sos: sos_response(sos, 80, dtype=kind), sos)


def _spectrograms(dtype: Any) -> None:
    import torch

    from .. import spectrogram as s

    stft = s.STFT(64, 16)
    magnitude = stft.magnitude(torch.randn(1, 600, dtype=dtype))
    for method in s.METHODS:
        s.invert_spectrogram(magnitude, stft, method=method, n_iter=2)
    s.pghi(magnitude, stft)
    s.real_time_pghi(magnitude, stft)
    s.spsi(magnitude, stft)


def _convolutions(dtype: Any) -> None:
    import torch

    from ..dsp.partitioned_convolution import convolve_block

    h, state = torch.randn(1, 20000, dtype=dtype), None
    with torch.no_grad():
        for _ in range(8):
            _, state = convolve_block(torch.randn(1, 512, dtype=dtype), h, state)


def _files(dtype: Any) -> None:
    import numpy as np
    import torch

    from ..render.quantize import Quantizer

    block = torch.randn(600, 2, dtype=dtype).numpy()
    for integer in (np.int16, np.int32):
        Quantizer(16, dtype=integer)(block)


ENGINES: dict[str, Callable[[Any], None]] = {
    "recursions": _recursions,
    "systems": _systems,
    "spectrograms": _spectrograms,
    "convolutions": _convolutions,
    "files": _files,
}
