"""The demo: music that has something for every effect, and a page that needs nothing else."""

import base64
import io
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch.presets import load_chain
from diffFx_pytorch.report.demo import demo_clip
from tests.cli.command import difffx

RATE = 16000


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "new" / "folder"
    result = difffx("demo", "-o", folder, "--sample-rate", RATE, "--seconds", 2.5)
    assert result.exit_code == 0, result.output
    assert str(folder / "index.html") in result.stdout
    assert (
        result.stderr
        == f"making a clip, a chain and a page in {folder} (the first time compiles kernels: half a minute)\n"
    )
    return folder


def test_the_wet_file_is_the_chain_of_the_dry_one(demo):
    dry, rate = soundfile.read(demo / "dry.wav", dtype="float32")
    assert rate == RATE
    assert dry.shape == (round(2.5 * RATE), 2)
    chain, params = load_chain(demo / "chain.yaml").build(RATE)
    with torch.no_grad():
        late = chain.latency_samples
        x = torch.nn.functional.pad(torch.from_numpy(dry.T.copy())[None], (0, late))
        y = chain.run(x, None, dsp_params=params, total=len(dry))[0][0, :, late:].T.numpy()
    wet, _ = soundfile.read(demo / "wet.wav", dtype="float32")
    assert len(wet) >= len(dry)
    assert np.abs(wet[: len(dry)] - y).max() < 1e-4
    assert np.abs(wet[: len(dry)] - dry).max() > 0.05


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))


def test_the_page_holds_everything(demo):
    page = (demo / "index.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    links = [a[k] for _, a in tags.seen for k in ("src", "href") if k in a]
    assert links
    assert all(link.startswith("data:") for link in links)
    sounds = [link.split(",", 1)[1] for link in links if link.startswith("data:audio/wav")]
    assert len(sounds) == 2
    for name, sound in zip(("dry.wav", "wet.wav"), sounds, strict=True):
        x, rate = soundfile.read(io.BytesIO(base64.b64decode(sound)))
        assert rate == RATE
        assert np.abs(x - soundfile.read(demo / name)[0]).max() < 2**-14
    chain, _ = load_chain(demo / "chain.yaml").build(RATE)
    for knob in chain.param_names:
        assert f"<code>{knob.split('.')[1]}</code>" in page
    assert "{{" not in page


def test_the_plots_are_well_formed_and_finite(demo):
    page = (demo / "index.html").read_text(encoding="utf-8")
    plots = re.findall(r"<svg.*?</svg>", page, re.S)
    assert len(plots) >= 3
    for plot in plots:
        ElementTree.fromstring(plot)
        assert "nan" not in plot
        assert "inf" not in plot


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    result = difffx("demo", "-o", tmp_path / "file", "--seconds", 0.5)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("difffx: ")
    assert difffx("demo", "-q", "-o", tmp_path / "file", "--seconds", 0.5).stderr.startswith("difffx: ")


def test_the_clip_is_the_same_every_time_at_any_rate():
    for rate in (8000, 44100, 96000):
        clip = demo_clip(rate, 1.3)
        assert clip.shape == (1, 2, round(1.3 * rate))
        assert clip.dtype == torch.float32
        assert torch.equal(clip, demo_clip(rate, 1.3))
        assert float(clip.abs().max()) == pytest.approx(0.7)


def test_the_clip_is_music_with_something_for_every_effect():
    clip = demo_clip(44100, 9.6)[0].double()
    power = torch.fft.rfft(clip).abs().square().mean(0)
    frequency = torch.fft.rfftfreq(clip.shape[-1], 1 / 44100)
    for low, high in ((30, 120), (120, 500), (500, 2000), (2000, 6000), (6000, 16000)):
        share = 10 * torch.log10(power[(frequency >= low) & (frequency < high)].sum() / power.sum())
        assert share > -32, f"{low} .. {high} Hz are empty: {share:.1f} dB"
    side = (clip[0] - clip[1]).square().mean() / clip.square().mean()
    assert -20 < 10 * torch.log10(side) < 0
    crest = 20 * torch.log10(clip.abs().max() / clip.square().mean().sqrt())
    assert 10 < crest < 20
    assert clip.mean().abs() < 3e-3


def test_a_clip_of_nothing():
    assert demo_clip(8000, 0.0).shape == (1, 2, 0)
