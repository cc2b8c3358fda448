"""How the forward pass plays a graph of delay lines: steps that go together in one loop, and few buffers for nodes.

The graph's own steps write a node each, and a buffer for every node does not fit into the first-level cache. Here
buffers serve again once nobody reads them any more, and the commonest groups of steps become one:

- ALL_PASS: a read, the sum that is written to the line, and the sum of both.
- BANK: eight combs with one input, one pole and one feedback between them, and the sum of what they give.
- TAPS: a sum of reads.

All compute what the steps compute, rounding included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from diffFx_pytorch.kernels.vector import SIDE
from diffFx_pytorch.recursion.graph import MIX, OUT, PLUS, POLE, READ, WRITE

ALL_PASS, BANK, TAPS = range(OUT + 1, OUT + 4)
"""Further steps, each with a place in a list of numbers.

ALL_PASS out, x, place, down, up, with line, delay and whether y takes w or x; BANK out, x, place, pole, feedback, with
line, delay and state of every comb; TAPS out, -, place, how many, with line, delay and sign of every tap.
"""

Step = list[int]


def planned(steps: Sequence[Step], inputs: int, constant: bool) -> tuple[list[Step], list[int], int]:
    """The steps to play, the list that they refer to, and the number of buffers.

    Args:
        steps: of the graph.
        inputs: their number.
        constant: whether its gains stand still; otherwise steps stay as they are.
    """
    more: list[int] = []
    found = _grouped([list(s) for s in steps], more) if constant else [list(s) for s in steps]
    return found, more, _share_buffers(found, inputs)


def _grouped(steps: list[Step], more: list[int]) -> list[Step]:
    uses = Counter(node for s in steps for node in _operands(s))
    found: list[Step] = []
    at = 0
    while at < len(steps):
        for group in (_all_pass, _bank, _taps):
            taken, step, refers = group(steps[at:], uses)
            if taken:
                step[3] = len(more)
                more += refers
                found.append(step)
                at += taken
                break
        else:
            found.append(steps[at])
            at += 1
    return found


def _all_pass(steps: list[Step], uses: Counter[int]) -> tuple[int, Step, list[int]]:
    """With v a read, w = x + down v to its line, y = v + up w or v + up x."""
    if [s[0] for s in steps[:4]] == [READ, MIX, WRITE, MIX]:
        (_, v, line, delay, moved, _), (_, w, x, second, down, _), write, (_, y, first, w_or_x, up, _) = steps[:4]
        own = moved < 0 and second == first == v != x and write[2:4] == [w, line] and down >= 0
        if own and uses[v] == 2 and (w_or_x, uses[w]) in ((w, 2), (x, 1)):
            return 4, [ALL_PASS, y, x, 0, down, up], [line, delay, int(w_or_x == w)]
    return 0, [], []


def _bank(steps: list[Step], uses: Counter[int]) -> tuple[int, Step, list[int]]:
    """Eight reads, a filter of each, x plus feedback of it to the line, and the sum of the reads."""
    kinds = [READ] * SIDE + [POLE] * SIDE + [MIX, WRITE] * SIDE + [MIX] * (SIDE - 1)
    if [s[0] for s in steps[: len(kinds)]] != kinds:
        return 0, [], []
    reads, poles = steps[:SIDE], steps[SIDE : 2 * SIDE]
    mixes, writes = steps[2 * SIDE : 4 * SIDE : 2], steps[2 * SIDE + 1 : 4 * SIDE : 2]
    sums = steps[4 * SIDE : len(kinds)]
    x, pole, feedback = mixes[0][2], poles[0][4], mixes[0][4]
    total = reads[0][1]
    for r, p, m, w in zip(reads, poles, mixes, writes, strict=True):
        own = r[4] < 0 and p[2] == r[1] and m[3] == p[1] and w[2] == m[1] and w[3] == r[2]
        if not own or (p[4], m[2], m[4]) != (pole, x, feedback) or [uses[s[1]] for s in (r, p, m)] != [2, 1, 1]:
            return 0, [], []
    for s, r in zip(sums, reads[1:], strict=True):
        if s[2:5] != [total, r[1], PLUS] or (s is not sums[-1] and uses[s[1]] != 1):
            return 0, [], []
        total = s[1]
    refers = [number for r, p in zip(reads, poles, strict=True) for number in (r[2], r[3], p[3])]
    fits = feedback >= 0 and x not in [s[1] for s in steps[: len(kinds)]] and len({r[2] for r in reads}) == SIDE
    return (len(kinds), [BANK, total, x, 0, pole, feedback], refers) if fits else (0, [], [])


def _taps(steps: list[Step], uses: Counter[int]) -> tuple[int, Step, list[int]]:
    """Two or more reads that nobody else hears, and their sum, each with its sign."""
    count = next((i for i, s in enumerate(steps) if s[0] != READ or s[4] >= 0 or uses[s[1]] != 1), len(steps))
    sums = steps[count : 2 * count - 1]
    if count < 2 or len(sums) < count - 1:
        return 0, [], []
    total, refers = steps[0][1], [steps[0][2], steps[0][3], 1]
    for s, r in zip(sums, steps[1:count], strict=True):
        if s[0] != MIX or s[2:4] != [total, r[1]] or s[4] >= 0 or (s is not sums[-1] and uses[s[1]] != 1):
            return 0, [], []
        refers += [r[2], r[3], 1 if s[4] == PLUS else -1]
        total = s[1]
    return 2 * count - 1, [TAPS, total, 0, 0, count, 0], refers


def _operands(step: Step) -> list[int]:
    """The nodes that a step reads."""
    op = step[0]
    return [] if op in (READ, TAPS) else [step[2], step[3]] if op == MIX else [step[2]]


def _share_buffers(steps: list[Step], inputs: int) -> int:
    """Number buffers instead of nodes, each free again after the last step that reads it; how many there are."""
    last = {node: at for at, s in enumerate(steps) for node in _operands(s)}
    # Outputs are copied when all steps have been played.
    last |= {s[2]: len(steps) for s in steps if s[0] == OUT}
    buffer, free, count = {node: node for node in range(inputs)}, [], inputs
    for at, s in enumerate(steps):
        operands = _operands(s)
        for i, node in enumerate(operands, 2):
            s[i] = buffer[node]
        # All steps read a sample before they write it, so that the buffer of what ends here serves for what begins.
        free += {buffer[node] for node in operands if last[node] == at}
        if s[0] in (WRITE, OUT):
            continue
        if not free:
            free.append(count)
            count += 1
        node, s[1] = s[1], free.pop()
        buffer[node] = s[1]
        if node not in last:
            free.append(s[1])
    return count
