r"""Convolution block by block, without latency, by partitions of the response that grow with its age.

The response is cut into a head and partitions at P, 4 P, 16 P, ... samples, P being 256 or what the first block takes.
A partition that begins at sample P needs no input younger than P samples, so it is convolved once P samples have come,
and its share of the output lies ready when it is due; only the head is convolved with every block. A partition is cut
into segments of P samples, whose products with the spectrum of the input wait as spectra until they are due: P samples
cost one transform forth and one back however many segments there are, and those of the response are made once.

On the CPU, where nobody asks for a derivative, one kernel does this and spreads the work over the blocks
(``partition_kernel``); elsewhere the same is made of torch's operations.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.kernels.nests import same_memory
from diffFx_pytorch.kernels.rows import broadcast_shape
from diffFx_pytorch.kernels.transforms import is_traced

from . import partition_kernel
from .convolution import convolve

ConvolutionState = dict[str, Any]
"""What a block leaves for the next.

After long blocks ``{"history": ...}``, the inputs that are still heard. After short ones ``{"memory": ..., "clock":
..., "first": ..., "response": ..., "spectra": ...}``: what the kernel remembers, samples so far, the length of the
head, and the response with its spectra. Without the kernel ``{"recent": ..., "tail": ..., "lines": (...)}`` stand for
memory and clock: the inputs no partition has taken, what an earlier state still gives, what each partition gives.
"""

_FIRST, _GROWTH, _LAST = 256, 4, 16384
_LONGEST_FIRST = 2048
"""Largest head, for blocks of its length: a shorter head would fill its partition several times per block."""
_LONGEST_FRAME = 8192
"""The same of the kernel, whose short frames cost less."""


def partitions(taps: int, first: int = _FIRST) -> list[tuple[int, int]]:
    """First and last sample of each partition of a response; the head comes before the first.

    Args:
        taps: length of the response.
        first: first sample of the first partition, and number of samples it waits for; the next begin at multiples of
            it.

    Returns:
        ``[(begin, end), ...]``, empty where the head is all.
    """
    found, begin = [], first
    while begin < taps:
        end = begin * _GROWTH if begin * _GROWTH <= max(_LAST, first) else taps
        found.append((begin, min(end, taps)))
        begin = end
    return found


def needed_taps(state: ConvolutionState | None, samples: int, taps: int) -> int:
    """Number of taps of a response that the next block needs: all that the sound so far can reach."""
    if is_traced():
        return taps
    if state is None:
        return min(samples, taps)
    if "history" in state and _as_a_whole(state, samples, taps):
        return min(state["history"].shape[-1] + samples, taps)
    return taps


def convolve_block(
    x: Tensor,
    h: Tensor,
    state: ConvolutionState | None = None,
    *,
    taps: int | None = None,
    latency: int = 0,
    matrix: bool = False,
) -> tuple[Tensor, ConvolutionState]:
    r"""Compute the next block of :math:`y_n = \sum_k h_k x_{n-k}`; blocks of any sizes equal the whole.

    Long blocks are convolved as they come, short ones by partitions. A response that changes from one block to the next
    is heard in the new block; what short blocks have already put into the partitions goes on as it was.

    Args:
        x: block (..., T); with ``matrix`` (..., I, T).
        h: response (..., L), as for ``convolve``; shorter than ``taps`` if ``needed_taps`` says that is enough. The
            same memory as in the block before is assumed to hold the same numbers.
        state: what the block before returned; None is silence.
        taps: length of the whole response; None is L.
        latency: 0, or a power of two by which the output is delayed; blocks shorter than it then cost less, as the head
            need not be convolved with each.
        matrix: sum over inputs, as for ``convolve``.

    Returns:
        ``(y, state)``: y (..., T), or (..., O, T).

    References:
        W. G. Gardner, "Efficient convolution without input-output delay", JAES 43(3), 1995.
    """
    taps = (h.shape[-1] if taps is None else taps) + latency
    samples = x.shape[-1]
    if is_traced() and (state is None or "history" in state):
        # The past in its full length, zeros where there was none, so that no shape depends on how long it is.
        past = x.new_zeros(*x.shape[:-1], taps - 1) if state is None else state["history"]
        past = torch.nn.functional.pad(past, (taps - 1 - past.shape[-1], 0))
        whole = torch.cat((past, x), -1)
        y = convolve(x if state is None else whole, h, start=-latency, matrix=matrix)
        return y if state is None else y[..., taps - 1 :], {"history": whole[..., samples:]}
    if not x.numel():
        return convolve(x, h, matrix=matrix), state or {"history": x[..., :0]}
    if state is None:
        state = {"history": x[..., :0]}
    if "history" in state:
        history = state["history"]
        past = history.shape[-1]
        if _as_a_whole(state, samples, taps):
            whole = torch.cat((history, x), -1)
            y = convolve(whole, h, start=past - latency, samples=samples, matrix=matrix)
            return y, {"history": whole[..., max(0, whole.shape[-1] - taps + 1) :]}
        first = latency or min(max(_FIRST, 1 << (samples - 1).bit_length()), _LONGEST_FIRST)
        if partition_kernel.serves(x, h, history):
            return _by_kernel(x, h, _begun(history, h, samples, latency, matrix), latency, matrix)
        tail = convolve(history, h, start=past - latency, samples=taps - 1, matrix=matrix)
        state = {"first": first, "recent": x.new_zeros(*x.shape[:-1], first), "tail": tail, "lines": ()}
    elif samples >= taps - 1:
        tail = _tail(x, h, state, latency, matrix)
        y = convolve(x, h, start=-latency, matrix=matrix)
        y = torch.cat((y[..., : taps - 1] + tail, y[..., taps - 1 :]), -1)
        return y, {"history": x[..., samples - taps + 1 :]}
    elif "memory" in state:
        if partition_kernel.serves(x, h, state["memory"]):
            return _by_kernel(x, h, state, latency, matrix)
        tail, first = _tail(x, h, state, latency, matrix), state["first"]
        state = {"first": first, "recent": x.new_zeros(*x.shape[:-1], first), "tail": tail, "lines": ()}
    return _by_partitions(x, h, state, latency, matrix)


def _tail(x: Tensor, h: Tensor, state: ConvolutionState, latency: int, matrix: bool) -> Tensor:
    """What a state gives after its end, as long as it is heard."""
    silence = x.new_zeros(1).expand(*x.shape[:-1], h.shape[-1] + latency - 1)
    if "memory" not in state:
        return _by_partitions(silence, h, state, latency, matrix)[0]
    with torch.no_grad():
        return _by_kernel(silence, h.detach(), state, latency, matrix)[0]


def _begun(history: Tensor, h: Tensor, samples: int, latency: int, matrix: bool) -> ConvolutionState:
    """The kernel's state after some sound."""
    first = latency
    if latency < partition_kernel.LEAST:
        first = min(max(partition_kernel.LEAST, 1 << (samples - 1).bit_length()), _LONGEST_FRAME)
    state = {"first": first}
    return _by_kernel(history, h, state, latency, matrix)[1] if history.shape[-1] else state


def _by_kernel(
    x: Tensor, h: Tensor, state: ConvolutionState, latency: int, matrix: bool
) -> tuple[Tensor, ConvolutionState]:
    x, responses = (x, h) if matrix else (x.unsqueeze(-2), h[..., None, None, :])
    outputs, inputs = responses.shape[-3:-1]
    first = state["first"]
    found = partition_kernel.layout(h.shape[-1] + latency, first, inputs, outputs, latency == first, x.dtype)
    spectra = state["spectra"] if same_memory(state.get("response"), h) else None
    if spectra is None:
        spectra = partition_kernel.spectra_of(responses, latency, found)
    if "memory" in state:
        memory, clock = state["memory"], state["clock"]
    else:
        memory, clock = partition_kernel.fresh(x, broadcast_shape(x.shape[:-2], responses.shape[:-3]), found)
    y, memory, clock = partition_kernel.block(x, spectra, memory, clock, found)
    after = {"first": first, "memory": memory, "clock": clock, "response": h, "spectra": spectra}
    return y if matrix else y.squeeze(-2), after


def _as_a_whole(state: ConvolutionState, samples: int, taps: int) -> bool:
    past = state["history"].shape[-1]
    return 2 * samples >= min(past, taps - 1) or past + samples <= 4 * _FIRST


def _by_partitions(
    x: Tensor, h: Tensor, state: ConvolutionState, latency: int, matrix: bool
) -> tuple[Tensor, ConvolutionState]:
    samples, first = x.shape[-1], state["first"]
    parts = partitions(h.shape[-1] + latency, first)
    longest = parts[-1][0] if parts else 1
    head, spectra = _spectra_of(h, parts, state, latency)
    recent = torch.cat((state["recent"], x), -1)
    waiting = state["recent"].shape[-1] - first
    y = _headmost(recent[..., waiting:], h, head, first, latency, matrix)
    if state["tail"].shape[-1]:
        tail = state["tail"][..., :samples]
        y = y + torch.nn.functional.pad(tail, (0, samples - tail.shape[-1]))
    lines = []
    for k, (begin, _) in enumerate(parts):
        offset = waiting % begin
        full = (offset + samples) // begin * begin
        if state["lines"]:
            line = state["lines"][k]
        else:
            shape = (*y.shape[:-1], spectra[k].shape[-2] - 1, begin + 1)
            line = (y.new_zeros(shape).to(spectra[k].dtype), y.new_zeros(*y.shape[:-1], 2 * begin))
        if full:
            taken = recent[..., first + waiting - offset : first + waiting - offset + full]
            line = _advanced(*line, taken.unflatten(-1, (-1, begin)), spectra[k], matrix)
        pending, given = line
        y = y + given[..., offset : offset + samples]
        lines.append((pending, given[..., full:]))
    length = first + (waiting + samples) % longest
    return y, {
        "first": first,
        "recent": recent[..., recent.shape[-1] - length :],
        "tail": state["tail"][..., samples:],
        "lines": tuple(lines),
        "response": h,
        "spectra": (head, spectra),
    }


def _spectra_of(
    h: Tensor, parts: list[tuple[int, int]], state: ConvolutionState, latency: int
) -> tuple[Tensor | None, tuple[Tensor, ...]]:
    """Spectra of the head (..., first + 1) and of each partition's segments (..., S, begin + 1).

    Those of the block before if the response is its own. A response that needs gradients is transformed each time, as
    its values may have been changed by an optimiser.
    """
    if not is_traced() and not h.requires_grad and same_memory(state.get("response"), h):
        return state["spectra"]
    first = state["first"]
    head = None if latency else torch.fft.rfft(h[..., :first], 2 * first)
    spectra = []
    for begin, end in parts:
        part = h[..., begin - latency : end - latency]
        part = torch.nn.functional.pad(part, (0, -(end - begin) % begin)).unflatten(-1, (-1, begin))
        spectra.append(torch.fft.rfft(part, 2 * begin))
    return head, tuple(spectra)


def _headmost(recent: Tensor, h: Tensor, head: Tensor | None, first: int, latency: int, matrix: bool) -> Tensor:
    """The output of the head for a block, ``recent`` being the ``first`` samples before it and the block itself.

    With latency it is zero.
    """
    samples = recent.shape[-1] - first
    if latency:
        inputs = recent.unsqueeze(-3) if matrix else recent
        shape = broadcast_shape(inputs.shape[:-1], h.shape[:-1])
        return recent.new_zeros(*(shape[:-1] if matrix else shape), samples)
    if samples > first:
        return convolve(recent, h[..., :first], start=first, samples=samples, matrix=matrix)
    assert head is not None
    X = torch.fft.rfft(recent, 2 * first)
    Y = (X.unsqueeze(-3) * head).sum(-2) if matrix else X * head
    return torch.fft.irfft(Y, 2 * first)[..., first : first + samples]


def _advanced(pending: Tensor, given: Tensor, taken: Tensor, spectra: Tensor, matrix: bool) -> tuple[Tensor, Tensor]:
    """The output of a partition after new blocks of P samples.

    Args:
        pending: sums of products that wait (..., S - 1, P + 1), the next block's first.
        given: samples of the block that goes on (..., P), and the overlap into the next (..., P).
        taken: (..., blocks, P).
        spectra: of the segments (..., S, P + 1).
        matrix: sum over inputs.

    Returns:
        ``(pending, given)``, given longer by the blocks.
    """
    pad = torch.nn.functional.pad
    blocks, size = taken.shape[-2:]
    segments = spectra.shape[-2]
    X = torch.fft.rfft(taken, 2 * size)
    X = X.unsqueeze(-4) if matrix else X

    def summed(Y: Tensor) -> Tensor:
        return Y.sum(-3) if matrix else Y

    if blocks == 1:
        Y = summed(X * spectra)
        Y = Y + pad(pending, (0, 0, 0, 1)) if segments > 1 else Y
        part = torch.fft.irfft(Y[..., 0, :], 2 * size)
        overlap = given[..., size:] + part[..., :size]
        return Y[..., 1:, :], torch.cat((given[..., :size], overlap, part[..., size:]), -1)
    Y = pad(pending, (0, 0, 0, blocks))
    for s in range(segments):
        Y = Y + pad(summed(X * spectra[..., s : s + 1, :]), (0, 0, s, segments - 1 - s))
    parts = torch.fft.irfft(Y[..., :blocks, :], 2 * size)
    more = pad(parts[..., :size].flatten(-2), (size, size)) + pad(parts[..., size:].flatten(-2), (2 * size, 0))
    return Y[..., blocks:, :], pad(given, (0, blocks * size)) + more
