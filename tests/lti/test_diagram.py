"""Systems drawn: in text to the letter, with matplotlib by what is on the axes."""

import itertools
import sys

import pytest
import torch

from diffFx_pytorch import lti


def reverb():
    return lti.Parallel(
        direct=lti.Gain(size=(1, 1)),
        wet=lti.Series(
            b=lti.Gain(size=(4, 1), requires_grad=True),
            loop=lti.Recursion(
                lti.Delay(torch.arange(1, 5)), lti.Series(A=lti.Matrix(4), g=lti.Gain(size=(4,), diagonal=True))
            ),
            c=lti.Gain(size=(1, 4)),
        ),
    )


def test_a_system_prints_as_a_diagram():
    assert str(reverb()).splitlines() == [
        "--1-->+->[direct: Gain]----------------------------------------------------------->(+)--1-->",
        "      '->[b: Gain]--4->(+)->[feedforward: Delay 1..4]-------------+--4->[c: Gain]---'",
        "                        '---[g: Gain]<-4--[A: Matrix orthogonal]<-'",
    ]


def test_the_way_back_runs_from_right_to_left():
    inner = lti.Recursion(lti.Gain(size=(2,), diagonal=True), lti.Delay(torch.tensor([7, 7])))
    branches = lti.Parallel(x=lti.Matrix(2, "rotation"), y=lti.FIR(size=(2, 9), diagonal=True))
    system = lti.Recursion(lti.Delay(torch.tensor([3, 4])), lti.Series(branches, inner))
    assert str(system).splitlines() == [
        "--2-->(+)->[feedforward: Delay 3..4]-------------------------------------+--2-->",
        "       '---+--[feedforward: Gain]<-(+)<-2--(+)<-[x: Matrix rotation]<-+<-'",
        "           '->[feedback: Delay 7]---'       '--------[y: FIR 9 taps]<-'",
    ]


def test_stacked_branches_and_lone_modules():
    stacked = lti.Parallel(lti.Gain(size=(1, 2)), lti.Gain(size=(2, 2)), lti.FIR(size=(1, 2, 3)), combine="stack")
    assert str(stacked).splitlines() == [
        "--2-->+->[Gain]------->(:)--4-->",
        "      |->[Gain]---------|",
        "      '->[FIR 3 taps]---'",
    ]
    assert str(lti.Gain(size=(3, 2))) == "--2-->[Gain]--3-->"


def test_lines_of_a_nested_system_are_joined():
    """Every corner and crossing has a wire or corner above it, so that nothing hangs in the air."""
    nested = lti.Series(reverb(), lti.Recursion(reverb(), lti.Parallel(a=reverb(), b=lti.Delay(torch.tensor([5])))))
    lines = str(nested).splitlines()
    for above, line in itertools.pairwise(lines):
        for column, character in enumerate(line):
            if character in "'|":
                assert above[column] in "+|'", f"{character} at {column} of {line!r}"


@pytest.fixture
def plt(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    pytest.importorskip("matplotlib")
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    yield plt
    plt.close("all")


def _texts(ax):
    return [t.get_text() for t in ax.texts if t.get_text()]


def test_a_plot_holds_every_module_sum_and_number_of_channels(plt):
    from matplotlib.colors import to_hex
    from matplotlib.patches import Circle, FancyBboxPatch

    from diffFx_pytorch.lti.drawing import FIXED, LEARNED

    ax = reverb().plot()
    assert plt.gcf() is ax.figure
    texts = _texts(ax)
    assert sorted(t for t in texts if not t.isdigit()) == sorted(
        ["direct", "Gain", "b", "Gain", "Delay\n1..4", "A", "Matrix\northogonal", "g", "Gain", "c", "Gain", "+", "+"]
    )
    assert sorted(t for t in texts if t.isdigit()) == ["1", "1", "4", "4", "4"]
    boxes = [p for p in ax.patches if isinstance(p, FancyBboxPatch)]
    assert sorted(to_hex(b.get_facecolor()) for b in boxes) == sorted([FIXED] * 5 + [LEARNED])
    assert sum(isinstance(p, Circle) for p in ax.patches) == 2


def test_blocks_do_not_overlap_and_lie_inside(plt):
    from matplotlib.patches import FancyBboxPatch

    nested = lti.Series(
        lti.Parallel(reverb(), reverb(), reverb()),
        lti.Recursion(reverb(), lti.Parallel(reverb(), lti.Recursion(lti.Gain(size=(1, 1)), lti.FIR(size=(1, 1, 4))))),
        lti.Parallel(lti.Gain(size=(1, 1)), lti.Gain(size=(2, 1)), combine="stack"),
    )
    given = plt.subplots()[1]
    ax = nested.plot(given)
    assert ax is given
    boxes = [p.get_path().get_extents(p.get_patch_transform()) for p in ax.patches if isinstance(p, FancyBboxPatch)]
    assert len(boxes) == 6 * 5 + 2 + 2
    for i, a in enumerate(boxes):
        assert not any(a.overlaps(b) for b in boxes[:i])
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert all(left < b.x0 and b.x1 < right and low < b.y0 and b.y1 < high for b in boxes)


def test_in_the_way_back_arrows_point_left(plt):
    ax = lti.Recursion(lti.Gain(size=(1, 1)), lti.Series(lti.Gain(size=(1, 1)), lti.Gain(size=(1, 1)))).plot()
    level = [(a.xy[1], a.xy[0] - a.xyann[0]) for a in ax.texts if hasattr(a, "xyann") and a.xy[1] == a.xyann[1]]
    assert [step > 0 for y, step in level if y == 0] == [True] * 3
    assert [step < 0 for y, step in level if y < 0] == [True] * 2


def test_a_response_is_drawn_in_hz_seconds_and_decibels(plt):
    taps = torch.zeros(2, 1, 101)
    taps[0, 0, 0], taps[1, 0, 100] = 10.0, 1.0
    magnitude, response, decay = lti.FIR(taps).plot_response(1000.0, nfft=500)
    freqs, first = magnitude.lines[0].get_data()
    assert freqs[-1] == 500.0
    assert first == pytest.approx([20.0] * 250, abs=1e-4)
    seconds, second = response.lines[1].get_data()
    assert seconds[second.argmax()] == pytest.approx(0.1)
    assert second.max() == pytest.approx(1.0, abs=1e-5)
    seconds, level = decay.lines[1].get_data()
    assert level[100] == pytest.approx(0.0, abs=1e-6)
    assert level[101] < -60
    assert [t.get_text() for t in decay.get_legend().get_texts()] == ["out 0", "out 1"]


def test_parameters_of_a_batch_have_lines_of_their_own(plt):
    axes = plt.subplots(1, 3)[1]
    gain = lti.Gain(torch.ones(1, 1))
    drawn = gain.plot_response(
        48000.0, nfft=64, parameters={"gain": torch.tensor([[[1.0]], [[0.1]]])}, axes=axes, color="k", label="gain"
    )
    assert list(drawn) == list(axes)
    assert [line.get_ydata()[3] for line in axes[0].lines] == pytest.approx([0.0, -20.0], abs=1e-5)
    assert [line.get_label() for line in axes[2].lines] == ["gain item 0", "gain item 1"]


def test_a_lossless_loop_is_drawn_on_its_circle(plt):
    loop = lti.Recursion(lti.Delay(torch.tensor([50])), lti.Gain(torch.ones(1), diagonal=True)).double()
    _, response, _ = loop.plot_response(48000.0, nfft=1000, alias_decay_db=100.0)
    h = torch.from_numpy(response.lines[0].get_ydata())
    expected = torch.zeros(1000, dtype=torch.float64)
    expected[50::50] = 1.0
    assert torch.allclose(h, expected, atol=1.1e-5)


def test_the_sample_rate_is_the_systems_own_where_it_has_one(plt):
    filtered = lti.Biquad("low_pass", torch.full((1, 1, 1), 1000.0), sample_rate=8000.0)
    assert filtered.plot_response(nfft=64)[0].lines[0].get_xdata()[-1] == 4000.0
    with pytest.raises(ValueError, match="8000 Hz and 'the plot' for 44100 Hz"):
        filtered.plot_response(44100.0)
    with pytest.raises(ValueError, match="Parallel has no sample rate of its own"):
        reverb().plot_response()


def test_without_matplotlib_the_cure_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        reverb().plot()
