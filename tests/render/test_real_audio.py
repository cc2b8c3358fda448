"""Real recordings through the six effects, as a person would render them."""

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch.presets import load_chain
from diffFx_pytorch.render.file import render_file

pytestmark = [pytest.mark.real_audio, pytest.mark.slow]

CHAIN = """
version: 1
chain:
  - {effect: ParametricEqualizer, name: eq, params: {low_shelf_gain_db: 4, peak_2_gain_db: -6, high_shelf_gain_db: 3}}
  - {effect: Compressor, name: comp, params: {threshold_db: -30, ratio: 4, makeup_db: 4}}
  - {effect: TanH, name: drive, options: {oversampling: 4}, params: {drive_db: 6, output_db: -4}}
  - {effect: Tremolo, name: tremolo, params: {depth: 0.3}}
  - {effect: FeedbackDelay, name: echo, params: {delay_ms: 300, feedback: 0.3}}
  - {effect: Gain, name: output, params: {gain_db: -3}}
"""


@pytest.fixture(params=["drums", "bass", "guitar", "singing"])
def recording(request, audio_folder):
    path = audio_folder / f"{request.param}.flac"
    if not path.exists():
        pytest.skip(f"no {path.name}")
    return path


def test_blocks_of_any_size_give_the_file_that_one_run_gives(recording, tmp_path):
    rate = soundfile.info(recording).samplerate
    chain, knobs = load_chain(CHAIN).build(rate)
    render_file(chain, knobs, recording, tmp_path / "wet.wav", block_seconds=0.37, subtype="FLOAT")
    wet = soundfile.read(tmp_path / "wet.wav", always_2d=True)[0].T
    dry = soundfile.read(recording, dtype="float32", always_2d=True)[0].T
    late = chain.latency_samples
    padded = torch.nn.functional.pad(torch.from_numpy(dry)[None], (0, late))
    with torch.inference_mode():
        whole = chain(padded, dsp_params=knobs)[0, :, late:].numpy()
    assert wet.shape[1] > dry.shape[1], "the echoes' tail is rendered"
    error = wet[:, : dry.shape[1]] - whole
    assert np.linalg.norm(error) < 1e-5 * np.linalg.norm(whole)
    assert np.isfinite(wet).all()


def test_compression_narrows_the_range_of_levels(recording):
    dry, rate = soundfile.read(recording, dtype="float32", always_2d=True)
    x = torch.from_numpy(dry.T.copy())[None]
    chain, _ = load_chain("version: 1\nchain: [{effect: Compressor, name: comp}]").build(rate)
    with torch.inference_mode():
        y = chain(x, dsp_params={"comp.threshold_db": -40.0, "comp.ratio": 10.0, "comp.attack_ms": 1.0})

    def spread(z):
        levels = 10 * torch.log10(z[0, 0, : z.shape[-1] // 2048 * 2048].reshape(-1, 2048).square().mean(1) + 1e-8)
        loud = levels[levels > levels.max() - 40]
        return float(loud.quantile(0.95) - loud.quantile(0.3))

    assert spread(y) < 0.8 * spread(x)
