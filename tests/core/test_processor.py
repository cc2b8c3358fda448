"""What the base checks when an effect is written."""

import pytest
import torch

from diffFx_pytorch import Chain, EffectParam, Processor
from diffFx_pytorch.processors import Gain, Tremolo


def test_table_and_equation_must_be_one_list():
    with pytest.raises(TypeError, match=r"table: gain_db; process: drive_db"):

        class Wrong(Processor):
            params = {"gain_db": EffectParam(0.0, 1.0)}

            def process(self, x, state, *, drive_db):
                return x, state


def test_a_table_needs_an_equation():
    with pytest.raises(TypeError, match="no process"):

        class Wrong(Processor):
            params = {"gain_db": EffectParam(0.0, 1.0)}


def test_effects_are_final():
    with pytest.raises(TypeError, match="Gain, which is final"):

        class LouderGain(Gain):
            pass


def test_traits_are_a_fixed_vocabulary():
    with pytest.raises(TypeError, match=r"unknown traits \['loud'\]"):

        class Wrong(Processor):
            traits = {"loud"}


def test_knobs_are_documented_from_the_table():
    assert "depth: 0 leaves the signal alone" in Tremolo.__doc__


def test_a_chain_is_drawn_as_what_it_is_together():
    views = Chain(Gain(), Tremolo()).views(dsp_params={"tremolo.depth": 1.0})
    assert [view.name for view in views] == ["gain over time", "a tone of 1000 Hz"]


def test_plot_draws_a_curve():
    pytest.importorskip("matplotlib").use("Agg")
    ax = Tremolo().plot(dsp_params={"depth": 1.0}).axes[0]
    assert "time (s)" in ax.get_xlabel()
    low, high = ax.get_lines()[0].get_ydata().min(), ax.get_lines()[0].get_ydata().max()
    assert low == pytest.approx(0.0, abs=1e-4)
    assert high == pytest.approx(1.0, abs=1e-4)


def test_flat_from_dict_takes_defaults_and_batches():
    flat = Tremolo().to_flat({"depth": torch.tensor([0.1, 0.2])})
    assert flat.shape == (2, 3)
    assert flat[:, 0].tolist() == [5.0, 5.0]
    assert Tremolo().to_flat({"depth": torch.rand(2, 7)}).shape == (2, 3, 7)


def test_blocks_on_the_clock():
    """The oscillator's rate is what the knob says within 0.01 % over a minute, block after block."""
    rate, hertz = 8000, 3.7
    play = Tremolo(sample_rate=rate).stream(dsp_params={"rate_hz": hertz, "depth": 1.0, "phase_deg": 0.0})
    x = torch.ones(1, 1, 60 * rate)
    gain = torch.cat([play(b) for b in x.split(999, -1)], -1)[0, 0].double() - 0.5
    rising = ((gain[1:] >= 0) & (gain[:-1] < 0)).nonzero().flatten()
    crossing = rising - gain[rising] / (gain[rising + 1] - gain[rising])
    measured = (len(crossing) - 1) / float(crossing[-1] - crossing[0]) * rate
    assert measured == pytest.approx(hertz, rel=1e-4)


class TestChain:
    def test_knobs_are_dotted_and_one_flat_tensor_drives_all(self):
        chain = Chain(gain=Gain(), trem=Tremolo())
        assert chain.param_names == ["gain.gain_db", "trem.rate_hz", "trem.depth", "trem.phase_deg"]
        x, flat = torch.randn(2, 2, 500), chain.random_params(2)
        by_hand = Tremolo()(Gain()(x, norm_params=flat[:, :1]), norm_params=flat[:, 1:])
        assert torch.equal(chain(x, norm_params=flat), by_hand)

    def test_nests_and_names(self):
        chain = Chain(Gain(), Gain(), inner=Chain(Tremolo()))
        assert chain.param_names[:3] == ["gain.gain_db", "gain_2.gain_db", "inner.tremolo.rate_hz"]
        assert isinstance(chain["inner"], Chain)

    def test_streams(self):
        chain = Chain(Gain(), Tremolo())
        x, flat = torch.randn(1, 1, 300), chain.random_params(1)
        play = chain.stream(norm_params=flat)
        assert torch.allclose(torch.cat([play(b) for b in x.split(70, -1)], -1), chain(x, norm_params=flat), atol=1e-6)

    def test_neutral_traits_and_latency_come_from_the_effects(self):
        chain = Chain(Gain(), Tremolo())
        assert chain.neutral == {"gain.gain_db": 0.0, "tremolo.depth": 0.0}
        assert chain.traits == {"linear", "causal", "odd"}
        assert chain.latency_samples == 0

    @pytest.mark.parametrize(
        ("build", "error", "pattern"),
        [
            (lambda: Chain(), ValueError, "at least one"),
            (lambda: Chain(Gain(44100), Gain(48000)), ValueError, "one sample rate, got gain at 44100"),
            (lambda: Chain(gain=torch.nn.Identity()), TypeError, "gain must be a Processor"),
            (lambda: Chain(Gain(), gain=Gain()), ValueError, "two effects are named 'gain'"),
            (lambda: Chain(**{"a b": Gain()}), ValueError, "no name"),
        ],
    )
    def test_refusals(self, build, error, pattern):
        with pytest.raises(error, match=f"Chain: .*{pattern}"):
            build()

    def test_errors_name_the_knob_in_the_chain(self):
        with pytest.raises(ValueError, match=r"Chain: gain\.gain_db must lie in -60 \.\. 24 dB, got 99"):
            Chain(Gain())(torch.zeros(1, 1, 4), dsp_params={"gain.gain_db": 99.0})
