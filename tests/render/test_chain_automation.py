"""Knobs that move in a chain file: in beats, from a file of points; chain files within chain files."""

import pytest
import torch

from diffFx_pytorch.presets import ChainFileError, load_chain
from diffFx_pytorch.processors import Gain


def written(step, head=""):
    return f"version: 1\n{head}chain:\n  - {step}\n"


def gains(step, head="", **how):
    return load_chain(written(step, head), **how).build(8000)[1]["gain.gain_db"]


def test_points_per_beat_stand_where_the_tempo_puts_them():
    step = "{effect: Gain, params: {gain_db: {beats: {0: -6, 4: [0, hold], 8: -3}}}}"
    assert gains(step, "tempo_bpm: 120\n") == {0.0: -6.0, 2.0: (0.0, "hold"), 4.0: -3.0}
    assert gains(step, "tempo_bpm: 60\n") == {0.0: -6.0, 4.0: (0.0, "hold"), 8.0: -3.0}
    with pytest.raises(ChainFileError, match=r"chain:3:38: .*names no tempo; add 'tempo_bpm: 120'"):
        gains(step)


@pytest.mark.parametrize("bpm", ["0", "-3", "2000", "fast", "[1]"])
def test_a_tempo_that_is_none_is_refused(bpm):
    with pytest.raises(ChainFileError, match=r"chain:2:12: tempo_bpm must be"):
        load_chain(written("{effect: Gain}", f"tempo_bpm: {bpm}\n"))


@pytest.mark.parametrize("head", ["", "time_s,value,segment\n"])
def test_points_of_a_file_beside_the_chain_file(tmp_path, head):
    (tmp_path / "fade.csv").write_text(head + "0,-60\n1.5,-12,smooth\n\n2,0\n")
    chain = tmp_path / "chain.yaml"
    chain.write_text(written("{effect: Gain, params: {gain_db: {csv: fade.csv}}}"))
    fx, found = load_chain(chain).build(8000)
    assert found["gain.gain_db"] == {0.0: -60.0, 1.5: (-12.0, "smooth"), 2.0: 0.0}
    x = torch.ones(1, 1, 20000)
    assert torch.equal(fx(x), Gain(8000)(x, gain_db={0.0: -60.0, 1.5: (-12.0, "smooth"), 2.0: 0.0}))


def test_points_of_a_file_in_beats(tmp_path):
    (tmp_path / "fade.csv").write_text("beats,value\n0,-60\n2,0\n")
    (tmp_path / "c.yaml").write_text(written("{effect: Gain, params: {gain_db: {csv: fade.csv}}}", "tempo_bpm: 60\n"))
    assert load_chain(tmp_path / "c.yaml").build(8000)[1]["gain.gain_db"] == {0.0: -60.0, 2.0: 0.0}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("0,-60\n1,99\n", r"fade.csv:2: gain_db must lie in -60 \.\. 24 dB, got 99"),
        ("0,-60\n0,-50\n", "fade.csv:2: 0 is given twice"),
        ("0\n", "fade.csv:1: a row is time,value or time,value,segment, got 1 cells"),
        ("0,a\n", "fade.csv:1: could not convert string to float: 'a'"),
        ("-1,0\n", "fade.csv:1: a time must be 0 or more, got -1"),
        ("0,0,jump\n", "fade.csv:1: a segment must be hold or linear or smooth, got 'jump'"),
        ("", "fade.csv: holds no points"),
        ("beats,value\n0,1\n", "names no tempo"),
        (None, "no such file"),
    ],
)
def test_what_is_wrong_in_a_file_of_points_is_said_with_its_row(tmp_path, rows, words):
    if rows is not None:
        (tmp_path / "fade.csv").write_text(rows)
    (tmp_path / "c.yaml").write_text(written("{effect: Gain, params: {gain_db: {csv: fade.csv}}}"))
    with pytest.raises(ChainFileError, match=words) as caught:
        load_chain(tmp_path / "c.yaml")
    assert "c.yaml:3:4" in caught.value.problems[0]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{beats: {}}", "beats of gain_db must be"),
        ("{beats: 3}", "beats of gain_db must be"),
        ("{beats: {0: 1}, 2: 3}", "unknown key '2'"),
        ("{csv: 3}", "csv of gain_db must be the name of a file"),
        ("{beats: {-1: 0}}", "a beat of gain_db must be 0 beats or more"),
    ],
)
def test_points_that_are_none(value, words):
    with pytest.raises(ChainFileError, match=words):
        gains(f"{{effect: Gain, params: {{gain_db: {value}}}}}", "tempo_bpm: 60\n")


def test_a_chain_file_within_a_chain_file(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "fade.csv").write_text("beats,value\n0,-60\n2,0\n")
    (tmp_path / "parts" / "quiet.yaml").write_text(written("{effect: Gain, params: {gain_db: {csv: fade.csv}}}"))
    (tmp_path / "c.yaml").write_text(written("{preset: parts/quiet.yaml, name: soft, mix: 0.5}", "tempo_bpm: 60\n"))
    fx, found = load_chain(tmp_path / "c.yaml").build(8000)
    assert found["soft.chain.gain.gain_db"] == {0.0: -60.0, 2.0: 0.0}, "the tempo goes on inside"
    assert fx(torch.ones(1, 1, 10))[0, 0, 0] == pytest.approx(0.5005)
    (tmp_path / "parts" / "quiet.yaml").write_text(written("{effect: Gain, params: {gain_db: 99}}"))
    with pytest.raises(ChainFileError, match=r"c.yaml:4:14: .*quiet.yaml:3:38: gain_db must lie"):
        load_chain(tmp_path / "c.yaml")
    (tmp_path / "self.yaml").write_text(written("{preset: self.yaml}"))
    with pytest.raises(ChainFileError, match="contains itself"):
        load_chain(tmp_path / "self.yaml")
    with pytest.raises(ChainFileError, match="no such file, and unknown preset"):
        load_chain(written("{preset: nothing_of_the_sort}"))


def test_of_many_problems_the_first_are_told_and_the_others_counted():
    points = ", ".join(f"{i}: 99" for i in range(3000))
    with pytest.raises(ChainFileError) as caught:
        gains(f"{{effect: Gain, params: {{gain_db: {{{points}}}}}}}")
    assert len(caught.value.problems) == 51
    assert caught.value.problems[-1] == "chain: and 2950 problems more"


def test_times_may_be_in_quotes_as_json_has_them():
    assert gains('{effect: Gain, params: {gain_db: {"0": -6, "1.5": [0, hold], "2": 1}}}')[1.5] == (0.0, "hold")


def test_many_points_are_heard_where_they_stand():
    points = ", ".join(f"{i / 100}: {-(i % 7)}" for i in range(3000))
    x = torch.ones(1, 1, 24000, dtype=torch.float64)
    fx, _ = load_chain(written(f"{{effect: Gain, params: {{gain_db: {{{points}}}}}}}")).build(8000)
    play = fx.stream()
    y = torch.cat([play(block) for block in x.split([100, 7900, 16000], -1)], -1)
    level = 20 * torch.log10(y[0, 0, ::80])
    assert torch.allclose(level, -(torch.arange(300.0, dtype=torch.float64) % 7), atol=1e-9)
