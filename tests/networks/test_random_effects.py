"""A dataset that renders random settings: the same items everywhere, whatever lies in the folder."""

import numpy as np
import pytest
import soundfile
import torch
from torch.utils.data import DataLoader

from diffFx_pytorch import Chain, Compressor, Gain, ParametricEqualizer
from diffFx_pytorch.networks import RandomEffects, SettingSampler
from diffFx_pytorch.notices import listening
from diffFx_pytorch.processors import Fade, FeedbackDelay

RATE = 16000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three recordings, in two rates and forms."""
    place = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    for name, rate, seconds, channels in (("a", RATE, 1.5, 1), ("b", 22050, 1.0, 2), ("deep/c", RATE, 0.1, 1)):
        (place / name).parent.mkdir(exist_ok=True)
        sound = 0.2 * rng.standard_normal((round(seconds * rate), channels))
        soundfile.write(place / f"{name}.wav", sound, rate, "FLOAT")
    return place


def chain():
    return Chain(eq=ParametricEqualizer(RATE), comp=Compressor(RATE), delay=FeedbackDelay(RATE))


def same(item, other):
    assert item.keys() == other.keys()
    for name, value in item.items():
        torch.testing.assert_close(torch.as_tensor(value), torch.as_tensor(other[name]), atol=1e-6, rtol=1e-6)


def test_an_item_is_what_the_chain_makes_of_it(folder):
    data = RandomEffects(chain(), folder, seconds=0.3)
    item = data[5]
    assert item["dry"].shape == item["wet"].shape == (1, 4800)
    wet = chain()(item["dry"][None], norm_params=item["norm_params"][None])[0]
    torch.testing.assert_close(item["wet"], wet)
    assert (item["wet"] - item["dry"]).abs().max() > 1e-3
    assert not torch.equal(data[5]["norm_params"], data[6]["norm_params"])
    assert not torch.equal(data[5]["dry"], data[6]["dry"])


@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_items_are_the_same_in_every_worker_and_batch(folder, context):
    data = RandomEffects(chain(), folder, seconds=0.2, items=6, reference=True, seed=3)
    alone = [data[i] for i in range(6)]
    loader = DataLoader(data, 3, num_workers=2, multiprocessing_context=context, timeout=120)
    batches = list(loader)
    for i, item in enumerate(alone):
        same(item, {name: value[i % 3] for name, value in batches[i // 3].items()})
    same(alone[4], RandomEffects(chain(), folder, seconds=0.2, items=6, reference=True, seed=3)[4])
    data.set_epoch(1)
    assert not torch.equal(data[0]["norm_params"], alone[0]["norm_params"])


def test_a_reference_is_another_sound_with_the_same_settings(folder):
    fx = Gain(RATE, {"gain_db": Gain(RATE).params["gain_db"]})
    data = RandomEffects(fx, folder, seconds=0.2, reference=True, sampling={"gain_db": -200 / 10})
    item = data[1]
    torch.testing.assert_close(item["wet"], 0.1 * item["dry"])
    assert (item["reference"] - item["wet"]).abs().max() > 1e-3


@pytest.mark.parametrize("cache", [None, "folder"])
def test_caches_change_nothing(folder, tmp_path, cache):
    cache = cache and tmp_path / "decoded"
    one, other = (RandomEffects(Gain(RATE), folder, seconds=0.2, cache=c, channels=2) for c in ("memory", cache))
    for i in range(8):
        torch.testing.assert_close(one[i]["dry"], other[i]["dry"], atol=2e-3 if cache is None else 0, rtol=0)
    if cache:
        assert 1 <= len(list(cache.iterdir())) <= 3
        before = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
        again = RandomEffects(Gain(RATE), folder, seconds=0.2, cache=cache, channels=2)
        assert torch.equal(again[3]["dry"], other[3]["dry"])
        assert all(path.stat().st_mtime_ns == when for path, when in before.items())


def test_broken_files_are_left_out_and_named(folder, tmp_path):
    rng = np.random.default_rng(0)
    soundfile.write(tmp_path / "good.wav", 0.1 * rng.standard_normal(RATE), RATE)
    (tmp_path / "header.wav").write_bytes(b"RIFF no sound at all")
    spoiled = 0.1 * rng.standard_normal(RATE)
    spoiled[::100] = np.nan
    soundfile.write(tmp_path / "nan.wav", spoiled, RATE, "FLOAT")
    said = []
    with listening(said.append):
        data = RandomEffects(Gain(RATE), tmp_path, seconds=0.2)
        items = [data[i] for i in range(12)]
    assert all(item["wet"].isfinite().all() and item["dry"].abs().max() > 0 for item in items)
    assert sum("header.wav" in line for line in said) == 1
    assert sum("nan.wav" in line for line in said) == 1
    (tmp_path / "good.wav").unlink()
    (tmp_path / "nan.wav").unlink()
    with pytest.raises(ValueError, match=r"no sound to learn from: .*header.wav"):
        RandomEffects(Gain(RATE), tmp_path)


def test_short_files_are_followed_by_silence_and_silence_is_avoided(tmp_path):
    sound = np.zeros(4 * RATE)
    sound[:8000] = 0.3
    soundfile.write(tmp_path / "mostly_silent.wav", sound, RATE)
    soundfile.write(tmp_path / "short.wav", np.full(800, 0.2), RATE)
    data = RandomEffects(Gain(RATE), tmp_path, seconds=0.5)
    items = [data[i]["dry"] for i in range(40)]
    assert all(item.shape == (1, 8000) for item in items)
    assert sum(bool(item.abs().max() > 0.1) for item in items) > 20  # a seventh by chance


def test_a_chain_with_a_fade_on_short_clips(folder):
    said = []
    with listening(said.append):
        data = RandomEffects(Chain(gain=Gain(RATE), fade=Fade(RATE)), folder, seconds=0.3)
        items = [data[i] for i in range(8)]
    assert not said  # no fade was drawn longer than the clip, so none was cut
    assert all(item["wet"].isfinite().all() for item in items)
    lengths = data.chain.to_dict(data.chain.map_parameters(torch.stack([i["norm_params"] for i in items])))
    assert 0.02 < float(lengths["fade.fade_in_s"].mean()) < 0.2


def test_rules_of_sampling():
    fx, rng = chain(), np.random.default_rng(0)
    rules = {
        "eq": "uniform",
        "comp.ratio": (2.0, 4.0),
        "comp.threshold_db": -24.0,
        "eq.peak_1_gain_db": lambda rng: rng.normal(0, 3),
    }
    sampler = SettingSampler(fx, rules, seconds=0.5)
    drawn = fx.to_dict(fx.map_parameters(torch.stack([sampler.draw(rng) for _ in range(2000)])))
    assert ((drawn["comp.ratio"] >= 2) & (drawn["comp.ratio"] <= 4.0001)).all()
    assert float(drawn["comp.ratio"].log().mean()) == pytest.approx(np.log(np.sqrt(8)), abs=0.02)  # uniform in octaves
    torch.testing.assert_close(drawn["comp.threshold_db"], torch.full((2000,), -24.0))
    assert float(drawn["eq.peak_1_gain_db"].std()) == pytest.approx(3, rel=0.1)
    assert float(drawn["delay.delay_ms"].max()) <= 500.1
    position = fx.params["comp.attack_ms"].to_norm(drawn["comp.attack_ms"])
    assert float(position.median()) == pytest.approx(fx.params["comp.attack_ms"].to_norm(fx.comp.attack_ms), abs=0.03)
    assert float(position.std()) < 0.22
    shelf = fx.params["eq.low_shelf_gain_db"].to_norm(drawn["eq.low_shelf_gain_db"])
    assert float(shelf.std()) == pytest.approx(1 / np.sqrt(12), rel=0.05)


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"comp.ration": 2.0}, "did you mean"),
        ({"comp.ratio": (4.0, 2.0)}, "two in order"),
        ({"comp.ratio": 200.0}, "must be a value"),
        ({"comp": "loud"}, "'musical' or 'uniform'"),
    ],
)
def test_wrong_rules_are_refused(rules, says):
    with pytest.raises(ValueError, match=says):
        SettingSampler(chain(), rules)
