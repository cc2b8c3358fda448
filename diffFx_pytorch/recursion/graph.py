"""Graphs of delay lines, gains and one-pole filters: what combs, all-pass diffusers and reverb tanks are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

READ, MIX, POLE, WRITE, OUT = range(5)
"""What a step does: see ``DelayGraph.steps``."""

PLUS, MINUS = -1, -2
"""Gains that need no parameter."""

SPREAD = 2
"""Samples beyond its delay that a time-varying read touches."""

WIDTH = 6


@dataclass
class DelayGraph:
    """A block diagram, written down from top to bottom, that ``delay_graph`` runs over a signal.

    A node is a signal; the methods that make one return its number. A line remembers what is written to it; it is read
    one sample ago or longer, so loops are closed by reading a line that is written further down. Nothing here depends
    on the signal: gains, poles and time-varying delays have names, and their values come with the call.

    Args:
        inputs: number of input signals; they are the nodes 0 to ``inputs - 1``.

    Examples:
        A comb, y[n] = x[n - 100] + g y[n - 100]:

        >>> graph = DelayGraph(1)
        >>> line = graph.line()
        >>> echo = graph.read(line, 100)
        >>> graph.write(line, graph.mix(0, echo, "g"))
        >>> graph.output(echo)
    """

    inputs: int
    gains: list[str] = field(default_factory=list)
    """Names of gains and poles, in the order of their first use."""
    time_varying: list[str] = field(default_factory=list)
    """Names of the time-varying delays, likewise."""
    outputs: int = 0
    poles: int = 0
    """Number of one-pole filters."""
    nodes: int = 0
    longest: list[int] = field(default_factory=list)
    """Samples that each line must remember."""
    _steps: list[list[int]] = field(default_factory=list)
    _numbers: tuple[int, list[int]] | None = None
    """The steps, when there were so many, as numbers."""

    def __post_init__(self) -> None:
        self.nodes = self.inputs

    def line(self) -> int:
        """A new delay line, silent as yet."""
        self.longest.append(0)
        return len(self.longest) - 1

    def read(self, line: int, delay: int) -> int:
        """What was written to a line ``delay`` samples ago.

        Raises:
            ValueError: for a delay that is no whole number from 1 up.
        """
        if isinstance(delay, bool) or not isinstance(delay, int) or delay < 1:
            raise ValueError(f"DelayGraph: a delay must be a whole number of samples from 1 up, got {delay!r}")
        self.longest[line] = max(self.longest[line], delay)
        return self._node(READ, line, delay, -1)

    def time_varying_read(self, line: int, name: str, longest: int) -> int:
        """What was written to a line a time-varying time ago, by cubic convolution through four samples (Keys 1981).

        Args:
            line: number of the line.
            name: of the delay in samples, ``SPREAD`` + 1 to ``longest``, whose values come with the call.
            longest: what the delay never exceeds.
        """
        self.longest[line] = max(self.longest[line], longest + SPREAD)
        return self._node(READ, line, longest, self._index(self.time_varying, name))

    def mix(self, a: int, b: int, gain: str | int = PLUS) -> int:
        """Weighted sum, a + gain b; ``gain`` a name, ``PLUS`` or ``MINUS``."""
        return self._node(MIX, a, b, gain if isinstance(gain, int) else self._index(self.gains, gain))

    def one_pole(self, node: int, pole: str) -> int:
        """y[n] = p y[n - 1] + (1 - p) x[n], p by name."""
        self.poles += 1
        return self._node(POLE, node, self.poles - 1, self._index(self.gains, pole))

    def write(self, line: int, node: int) -> None:
        """Put a signal into a line; once for each line."""
        self._steps.append([WRITE, 0, node, line, 0, 0])

    def output(self, node: int) -> None:
        """Make a node the next output."""
        self._steps.append([OUT, self.outputs, node, 0, 0, 0])
        self.outputs += 1

    def all_pass(self, node: int, delay: int | str, up: str, down: str, longest: int = 0) -> tuple[int, int]:
        """Schroeder's all-pass as a lattice: w = x + down v, y = v + up w, v what was w ``delay`` ago; up = -down.

        Args:
            node: x.
            delay: in samples, or the name of a time-varying one.
            up: name of the gain from w to y.
            down: name of the gain from v to w.
            longest: of a time-varying delay.

        Returns:
            The node y, and the line, which holds w and may be tapped.
        """
        line = self.line()
        v = self.time_varying_read(line, delay, longest) if isinstance(delay, str) else self.read(line, delay)
        w = self.mix(node, v, down)
        self.write(line, w)
        return self.mix(v, w, up), line

    def mix_sides(self, dry: Sequence[int], wet: Sequence[int]) -> None:
        """Two outputs of two sides each: the sides of ``wet`` times the width, then "mix" of it, the rest ``dry``.

        The gains are "wider", (width - 1) / 2, "narrower", minus that, and "mix".
        """
        side = self.mix(wet[0], wet[1], MINUS)
        for x, w, gain in zip(dry, wet, ("wider", "narrower"), strict=True):
            self.output(self.mix(x, self.mix(self.mix(w, side, gain), x, MINUS), "mix"))

    def sum(self, nodes: Sequence[int], signs: Sequence[int] | None = None) -> int:
        """Sum of two or more nodes, each with its sign (``PLUS`` or ``MINUS``), of which the first is a plus."""
        total = nodes[0]
        for i, node in enumerate(nodes[1:], 1):
            total = self.mix(total, node, PLUS if signs is None else signs[i])
        return total

    def steps(self) -> list[int]:
        """The diagram as numbers, ``WIDTH`` a step, for the kernels.

        READ node, line, delay, time-varying delay or -1; MIX node, a, b, gain; POLE node, x, state, pole, how many
        of the steps from here on are filters that do not wait for each other, up to 4; WRITE -, x, line; OUT
        output, x.

        Raises:
            ValueError: for a line that is never written, or more than once.
        """
        if self._numbers is not None and self._numbers[0] == len(self._steps):
            return self._numbers[1]
        written = sorted(s[3] for s in self._steps if s[0] == WRITE)
        if written != list(range(len(self.longest))):
            raise ValueError(
                f"DelayGraph: every line must be written once; of {len(self.longest)}, these are {written}"
            )
        steps = [list(s) for s in self._steps]
        i = 0
        while i < len(steps):
            run = 1
            if steps[i][0] == POLE:
                while run < 4 and i + run < len(steps):
                    op, _, x, *_ = steps[i + run]
                    if op != POLE or x >= steps[i][1]:
                        break
                    run += 1
                for s in steps[i : i + run]:
                    s[5] = run
            i += run
        numbers = [number for s in steps for number in s]
        self._numbers = len(steps), numbers
        return numbers

    def _node(self, op: int, a: int, b: int, k: int) -> int:
        self._steps.append([op, self.nodes, a, b, k, 0])
        self.nodes += 1
        return self.nodes - 1

    @staticmethod
    def _index(names: list[str], name: str) -> int:
        if name not in names:
            names.append(name)
        return names.index(name)
