"""Constant cascades of biquads as products of small matrices: blocks of samples, and the states between them.

y = H u + O s for every block u of L samples that begins at states s, as `cascade_design` says. States run from block
to block in float64: within groups of blocks side by side, over the groups, and within the groups once more. The
gradient is the same backwards with transposed matrices, and the gradients of the matrices are sums of outer products.
What lies between the sections is never needed.

Products are those of float32 in three passes of TF32 where a device has it ("tf32x3"), else of float32. TF32 alone
would lose 75 dB.

References:
    T. Dao, A. Gu, "Transformers are SSMs", ICML 2024, section 6 (chunks, and states between chunks, as products).
"""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn.functional import pad

from diffFx_pytorch.kernels.cuda import Rows, countable, has_tf32, shared_rows

from .cascade_design import Blocks, block_matrices
from .cascade_kernel import designed
from .chunks import BLOCK_DOUBLINGS, MOST_SECTIONS, padded_states

TILE = 32
"""Blocks that one program multiplies at once."""
DEPTH = 16
"""Numbers that one step of a product sums; for outer products, blocks."""
SPLIT = 32
"""Steps that one program sums outer products over."""
LAUNCH = {"num_warps": 4, "num_stages": 2, "enable_fp_fusion": True}
OUTER = {"num_warps": 8, "num_stages": 2, "enable_fp_fusion": True}
"""Of outer products, whose sums are large."""


@triton.jit
def _block_of(tile, T, BACK: tl.constexpr, L: tl.constexpr, M: tl.constexpr):
    """The blocks of a tile; backwards in time the last is the first."""
    block = tile * M + tl.arange(0, M)
    return tl.cdiv(T, L) - 1 - block if BACK else block


@triton.jit
def _samples(x, row, block, first, T, L: tl.constexpr, WIDTH: tl.constexpr):
    """So many samples of each block from the first on, zeros after the end."""
    t = block[:, None] * L + first + tl.arange(0, WIDTH)[None, :]
    inside = (block[:, None] >= 0) & (t < T)
    return tl.load(x.base + (row // x.each % x.count) * T + t, mask=inside, other=0.0)


@triton.jit
def _matrix(a, row, first, height: tl.constexpr, rows: tl.constexpr, width: tl.constexpr, TRANSPOSED: tl.constexpr):
    """Rows from the first on of (height, width), or of the transpose of (width, height)."""
    i, j = first + tl.arange(0, rows)[:, None], tl.arange(0, width)[None, :]
    at = a.base + (row // a.each % a.count) * (height * width)
    return tl.load(at + (j * height + i if TRANSPOSED else i * width + j))


@triton.jit
def _toeplitz(h, row, first, rows: tl.constexpr, L: tl.constexpr, TRANSPOSED: tl.constexpr):
    """Rows from the first on of H' in y' = u' H', (L, L) with H'[i, j] = h[j - i]; or of H."""
    i, j = first + tl.arange(0, rows)[:, None], tl.arange(0, L)[None, :]
    lag = i - j if TRANSPOSED else j - i
    at = h.base + (row // h.each % h.count) * L
    return tl.load(at + tl.where(lag >= 0, lag, 0), mask=lag >= 0, other=0.0)


@triton.jit
def _ends(
    x, into, e_ptr, T, MC, NT, BACK: tl.constexpr, L: tl.constexpr, M: tl.constexpr, N: tl.constexpr,
    DEPTH: tl.constexpr, PRECISION: tl.constexpr, KIND: tl.constexpr,
):  # fmt: skip
    """Where each block ends when it begins at zero: (R, MC, N). Forwards ``into`` is C (N, L), backwards O (L, N)."""
    row, tile = (tl.program_id(0) // NT).to(tl.int64), tl.program_id(0) % NT
    block = _block_of(tile, T, BACK, L, M)
    ends = tl.zeros((M, N), KIND)
    for k in range(0, L, DEPTH):
        u = _samples(x, row, block, k, T, L, DEPTH)
        columns = _matrix(into, row, k, L, DEPTH, N, not BACK)
        ends = tl.dot(u, columns, acc=ends, input_precision=PRECISION, out_dtype=KIND)
    block = tile * M + tl.arange(0, M)[:, None]
    tl.store(e_ptr + (row * MC + block) * N + tl.arange(0, N)[None, :], ends, mask=block < MC)


@triton.jit
def _march(
    e_ptr, whole, start, s_ptr, last_ptr, MC, NG, G, BACK: tl.constexpr, STARTS: tl.constexpr, KEEPS: tl.constexpr,
    N: tl.constexpr,
):  # fmt: skip
    """March s <- F s + e over the blocks of a group: the states before each (``KEEPS``), and the last."""
    row, group = (tl.program_id(0) // NG).to(tl.int64), tl.program_id(0) % NG
    n = tl.arange(0, N)
    F = _matrix(whole, row, 0, N, N, N, BACK)
    s = tl.zeros((N,), tl.float64)
    if STARTS:
        s += tl.load(start.base + ((row // start.each % start.count) * NG + group) * N + n)
    for i in range(group * G, tl.minimum(MC, group * G + G)):
        if KEEPS:
            tl.store(s_ptr + (row * MC + i) * N + n, s)
        e = tl.load(e_ptr + (row * MC + i) * N + n).to(tl.float64)
        s = tl.sum(F * s[None, :], 1) + e
    tl.store(last_ptr + (row * NG + group) * N + n, s)


@triton.jit
def _outputs(
    x, h, out, s_ptr, y_ptr, T, MC, NT, BACK: tl.constexpr, L: tl.constexpr, M: tl.constexpr, N: tl.constexpr,
    DEPTH: tl.constexpr, PRECISION: tl.constexpr, KIND: tl.constexpr,
):  # fmt: skip
    """H u + O s. Forwards ``out`` is O (L, N), backwards C (N, L)."""
    row, tile = (tl.program_id(0) // NT).to(tl.int64), tl.program_id(0) % NT
    place = tile * M + tl.arange(0, M)[:, None]
    block = _block_of(tile, T, BACK, L, M)
    y = tl.zeros((M, L), KIND)
    for k in range(0, N, DEPTH):
        at = s_ptr + (row * MC + place) * N + k + tl.arange(0, DEPTH)[None, :]
        s = tl.load(at, mask=place < MC, other=0.0).to(KIND)
        y = tl.dot(s, _matrix(out, row, k, N, DEPTH, L, not BACK), acc=y, input_precision=PRECISION, out_dtype=KIND)
    for k in range(0, L, DEPTH):
        u = _samples(x, row, block, k, T, L, DEPTH)
        y = tl.dot(u, _toeplitz(h, row, k, DEPTH, L, BACK), acc=y, input_precision=PRECISION, out_dtype=KIND)
    t = block[:, None] * L + tl.arange(0, L)[None, :]
    tl.store(y_ptr + row * T + t, y, mask=(block[:, None] >= 0) & (t < T))


@triton.jit
def _side(x, row, tile, T, MC, STATES: tl.constexpr, BACK: tl.constexpr, L: tl.constexpr, N: tl.constexpr,
          M: tl.constexpr, KIND: tl.constexpr):  # fmt: skip
    """What a tile of blocks is given: samples (M, L), or states (M, N), backwards kept last block first."""
    block = tile * M + tl.arange(0, M)
    if STATES:
        place = (MC - 1 - block if BACK else block)[:, None]
        at = x.base + (row * MC + place) * N + tl.arange(0, N)[None, :]
        return tl.load(at, mask=(place >= 0) & (place < MC), other=0.0).to(KIND)
    else:
        return _samples(x, row, block, 0, T, L, L)


@triton.jit
def _products(
    left, right, to_ptr, T, MC, NS, TILES, LEFT: tl.constexpr, RIGHT: tl.constexpr, L: tl.constexpr, N: tl.constexpr,
    DEPTH: tl.constexpr, PRECISION: tl.constexpr, KIND: tl.constexpr,
):  # fmt: skip
    """Sums over blocks of left' right, each samples or states: one for every TILES * DEPTH blocks."""
    row, split = (tl.program_id(0) // NS).to(tl.int64), tl.program_id(0) % NS
    height: tl.constexpr = N if LEFT else L
    width: tl.constexpr = N if RIGHT else L
    total = tl.zeros((height, width), KIND)
    for tile in range(split * TILES, split * TILES + TILES):
        a = tl.trans(_side(left, row, tile, T, MC, LEFT, True, L, N, DEPTH, KIND))
        b = _side(right, row, tile, T, MC, RIGHT, False, L, N, DEPTH, KIND)
        total = tl.dot(a, b, acc=total, input_precision=PRECISION, out_dtype=KIND)
    i, j = tl.arange(0, height)[:, None], tl.arange(0, width)[None, :]
    tl.store(to_ptr + (row * NS + split) * (height * width) + i * width + j, total)


class _Filter:
    """A cascade over rows: its matrices as kernels read them, padded to N states."""

    def __init__(self, batch_shape: tuple[int, ...], x: Tensor, blocks: Blocks) -> None:
        self.batch_shape, self.rows, self.T = batch_shape, math.prod(batch_shape), x.shape[-1]
        self.blocks, self.kind, self.device = blocks, x.dtype, x.device
        self.L, self.n = blocks.out.shape[-2:]
        self.N, self.count = padded_states(self.n // 2), triton.cdiv(self.T, self.L)
        more = self.N - self.n
        self.h = self._rows(blocks.h, 1)
        self.out, self.into = (
            self._rows(pad(blocks.out, (0, more)), 2),
            self._rows(pad(blocks.into, (0, 0, 0, more)), 2),
        )
        self.group = 1 << ((self.count - 1).bit_length() + 1) // 2
        power = blocks.whole
        for _ in range(self.group.bit_length() - 1 if self.count > self.group else 0):
            power = power @ power
        self.whole, self.power = (
            shared_rows(pad(m, (0, more, 0, more)), 2, batch_shape) for m in (blocks.whole, power)
        )
        single = self.kind == torch.float32
        precision = "tf32x3" if single and has_tf32(self.device) else "ieee"
        # Cards without TF32 do not copy ahead either.
        self.launch = {**LAUNCH, "num_stages": 1} if single and precision == "ieee" else LAUNCH
        kind = tl.float64 if self.kind == torch.float64 else tl.float32
        about = {"L": self.L, "M": TILE, "N": self.N, "DEPTH": DEPTH}
        self.about = {**about, "PRECISION": precision, "KIND": kind}

    def _rows(self, matrix: Tensor, core: int) -> Rows:
        return shared_rows(matrix.to(self.kind), core, self.batch_shape)

    def empty(self, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        """Room of (rows, *shape)."""
        return torch.empty(self.rows, *shape, dtype=dtype or self.kind, device=self.device)

    @property
    def _sizes(self) -> dict[str, int]:
        return {"T": self.T, "MC": self.count, "NT": triton.cdiv(self.count, TILE)}

    def ends(self, signal: Rows, back: bool) -> Tensor:
        """Where each block ends when it begins at zero."""
        e, sizes = self.empty(self.count, self.N), self._sizes
        into = self.out if back else self.into
        _ends[(self.rows * sizes["NT"],)](signal, into, e, **sizes, BACK=back, **self.about, **self.launch)
        return e

    def states(self, e: Tensor, start: Tensor, into: Tensor, back: bool) -> Tensor:
        """Fill the states before each block; returns the last (rows, N)."""
        groups, double = triton.cdiv(self.count, self.group), torch.float64
        begin, totals = Rows(start, 1, self.rows), self.empty(groups, self.N, dtype=double)
        about = {"BACK": back, "N": self.N, "num_warps": 1 if self.N <= 16 else 4, "enable_fp_fusion": True}
        whole = {"MC": self.count, "NG": groups, "G": self.group, **about}
        if groups > 1:
            last, starts = self.empty(1, self.N, dtype=double), self.empty(groups, self.N, dtype=double)
            _march[(self.rows * groups,)](e, self.whole, begin, into, totals, STARTS=False, KEEPS=False, **whole)
            once = {"MC": groups, "NG": 1, "G": groups, "STARTS": True, "KEEPS": True, **about}
            _march[(self.rows,)](totals, self.power, begin, starts, last, **once)
            begin = Rows(starts, 1, self.rows)
        _march[(self.rows * groups,)](e, self.whole, begin, into, totals, STARTS=True, KEEPS=True, **whole)
        return totals[:, -1]

    def outputs(self, signal: Rows, states: Tensor, y: Tensor, back: bool) -> None:
        """Fill y."""
        sizes, out = self._sizes, self.into if back else self.out
        grid = (self.rows * sizes["NT"],)
        _outputs[grid](signal, self.h, out, states, y, **sizes, BACK=back, **self.about, **self.launch)

    def gradients(self, signal: Rows, given: Rows, states: Tensor, adjoint: Tensor) -> Blocks:
        """Gradients of the matrices, (*batch, ...), of ``rest`` zeros."""
        L, n = self.L, self.n
        splits = triton.cdiv(self.count, DEPTH * SPLIT)
        sizes = {"T": self.T, "MC": self.count, "NS": splits, "TILES": SPLIT}
        about = {name: value for name, value in self.about.items() if name != "M"}

        def summed(left: Rows, right: Rows) -> Tensor:
            states = [t is not given and t is not signal for t in (left, right)]
            shape = [self.N if s else L for s in states]
            to = self.empty(splits, *shape)
            kinds = {"LEFT": states[0], "RIGHT": states[1]}
            _products[(self.rows * splits,)](left, right, to, **sizes, **kinds, **about, **OUTER)
            return to.sum(1, dtype=torch.float64).view(*self.batch_shape, *shape)

        before, later = Rows(states, 1, self.rows), Rows(adjoint, 1, self.rows)
        gu, gs = summed(given, signal), summed(given, before)
        lu, ls = summed(later, signal), summed(later, before)
        # Sums along diagonals: rows of 2 L numbers read as rows of 2 L - 1.
        skewed = pad(gu.flip(-1), (0, L)).flatten(-2)[..., :-L].unflatten(-1, (L, 2 * L - 1))
        h = skewed.sum(-2)[..., L - 1 :]
        return Blocks(h, gs[..., :n], lu[..., :n, :], ls[..., :n, :n], ls)


def serves(inputs: Any) -> bool:
    """As many sections as fit into registers."""
    return 0 < inputs.zi.shape[-2] <= MOST_SECTIONS and countable((inputs.x, 1))


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::sections``."""
    x, coef, zi = inputs.x, inputs.coef, inputs.zi
    sos, samples = coef.squeeze(-3).double(), x.shape[-1]
    at, blocks = designed(sos, BLOCK_DOUBLINGS, _rest(samples))
    system = _Filter(batch_shape, x, blocks)
    states = outputs.checkpoints
    if states.shape[-2] != system.count:
        states = system.empty(system.count, system.N, dtype=torch.float64)
    signal = shared_rows(x, 1, batch_shape)
    system.states(system.ends(signal, False), _start(system, at.of(zi)), states, False)
    system.outputs(signal, states, outputs.y, False)
    last, end = _last(system, states, x)
    outputs.zf.copy_(at.back(_times(blocks.rest, last) + _times(blocks.into[..., -end.shape[-1] :], end)))


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    """As `Kernel.backward`: the transposed matrices, last block first."""
    x, coef = inputs.x, inputs.coef
    sos, samples = coef.squeeze(-3).double(), grads.y.shape[-1]
    rest = _rest(samples)
    at, blocks = designed(sos, BLOCK_DOUBLINGS, rest)
    system = _Filter(batch_shape, grads.y, blocks)
    given, to_end = shared_rows(grads.y, 1, batch_shape), at.adjoint_back(grads.zf).expand(*batch_shape, -1)
    ends = system.ends(given, True).double()
    ends[:, 0, : system.n] += _times(blocks.rest.mT, to_end).reshape(system.rows, system.n)
    adjoint = system.empty(system.count, system.N, dtype=torch.float64)
    start = system.states(ends, torch.zeros_like(adjoint[:, 0]), adjoint, True)
    to_x = grads.y.new_empty(*batch_shape, samples)
    system.outputs(given, adjoint, to_x, True)
    to_x[..., -rest:] += _times(blocks.into[..., -rest:].mT, to_end).to(to_x.dtype)
    to_zi = at.adjoint_of(start[:, : system.n].view(*batch_shape, system.n))
    if not needs.coef:
        return [to_x, None, to_zi]
    found = system.gradients(shared_rows(x, 1, batch_shape), given, saved.checkpoints, adjoint)
    last, end = _last(system, saved.checkpoints, x)
    found.into[..., -rest:] += to_end.unsqueeze(-1) * end.unsqueeze(-2)
    found = found._replace(rest=to_end.unsqueeze(-1) * last.unsqueeze(-2))
    pull = torch.func.vjp(lambda s: block_matrices(s, at, BLOCK_DOUBLINGS, rest), sos)[1]
    to_sos = pull(Blocks(*(g.sum_to_size(m.shape) for g, m in zip(found, blocks, strict=True))))[0]
    return [to_x, to_sos.unsqueeze(-3), to_zi]


def _rest(samples: int) -> int:
    """Samples of the last block."""
    return (samples - 1) % (1 << BLOCK_DOUBLINGS) + 1


def _times(matrix: Tensor, vector: Tensor) -> Tensor:
    return (matrix @ vector.unsqueeze(-1)).squeeze(-1)


def _start(system: _Filter, states: Tensor) -> Tensor:
    """States (*batch, n) as (rows, N)."""
    padded = pad(states, (0, system.N - system.n))
    return padded.expand(*system.batch_shape, system.N).reshape(system.rows, system.N).contiguous()


def _last(system: _Filter, states: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The states before the last block, and its samples, (*batch, ...) in float64."""
    kept = states.view(*system.batch_shape, system.count, system.N)[..., -1, : system.n]
    return kept, x[..., -_rest(system.T) :].double()
