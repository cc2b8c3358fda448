"""The matrix of the contract: every effect of the registry in every construction it names, and effects made of them."""

import contextlib
import importlib.util
import inspect
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from diffFx_pytorch import EffectParam, Processor, registry
from diffFx_pytorch.dsp.levels import db_to_amp
from diffFx_pytorch.processors import Compressor, FeedbackDelay, StereoPanning, Tremolo
from diffFx_pytorch.routing import Chain, DryWet, Ducked, MidSide, Mixer, Parallel, Send
from tests.contract.hearing import audition
from tests.on_device import OnDevice

RATE = 8000
_AUDITIONS = {}
REFERENCES = Path(__file__).parents[1] / "reference"


@dataclass(frozen=True)
class Case:
    cls: type
    construction: dict

    def __call__(self, sample_rate=RATE, **more):
        return self.cls(sample_rate=sample_rate, **{**self.construction, **more})

    @property
    def built_in(self):
        return self.cls.__module__.startswith("diffFx_pytorch.")

    @property
    def id(self):
        values = {k: f"{tuple(v.shape)}" if torch.is_tensor(v) else v for k, v in self.construction.items()}
        options = ",".join(f"{k}={v}" for k, v in values.items())
        return f"{self.cls.__name__}[{options}]" if options else self.cls.__name__

    def exempt(self, check):
        """Skip, with the effect's own reason, a check the effect declares it cannot pass in this construction."""
        reasons = self().exempt
        if check in reasons:
            pytest.skip(f"{self.cls.__name__} declares itself exempt from {check}: {reasons[check]}")

    def channels(self, default=2):
        return max(self().channels or (default,))

    def audition(self, seed=0):
        """A few sounds and settings in which every knob of this effect is heard, found once in a process."""
        if (self.id, seed) not in _AUDITIONS:
            _AUDITIONS[self.id, seed] = audition(self(), self.channels(), seed=seed)
        return _AUDITIONS[self.id, seed]

    def without_options(self, sample_rate=RATE):
        """This effect with one of its options at its default, by name, where that leaves the table of knobs alone."""
        fx, others = self(sample_rate=sample_rate), {}
        keywords = inspect.signature(self.cls).parameters
        for name, value in self.construction.items():
            if value == keywords[name].default:
                continue
            with contextlib.suppress(ValueError):  # the other options of this construction may need it
                other = self.without(name, sample_rate)
                if other.params == fx.params:
                    others[name] = other
        return others

    def without(self, name, sample_rate=RATE):
        """This effect with one of its options at its default."""
        return Case(self.cls, {k: v for k, v in self.construction.items() if k != name})(sample_rate=sample_rate)


def at_every_sample(fx):
    """An effect whose knobs are heard at every sample."""
    for part in fx.modules():
        if getattr(part, "designs", False):
            vars(part)["control_period"] = 1
    return fx


class Late(Processor):
    """A gain with latency, for routings to align."""

    params = {"gain_db": EffectParam(-24.0, 12.0, 0.0, unit="dB", doc="Level.")}
    neutral = {"gain_db": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    latency_samples = 7
    variants = ()

    def process(self, x, state, *, gain_db):
        line = torch.cat([x.new_zeros(*x.shape[:-1], 7) if state is None else state, x * db_to_amp(gain_db)], -1)
        return line[..., : x.shape[-1]], line[..., x.shape[-1] :]


@dataclass(frozen=True)
class Routed(Case):
    """An effect made of effects: it has no construction of its own, and its twin is what it is made of."""

    name: str
    build: Callable[[float], Processor]
    built_in = False

    def __call__(self, sample_rate=RATE):
        return self.build(sample_rate)

    @property
    def id(self):
        return f"{self.cls.__name__}[{self.name}]"


def _mixer(rate):
    tracks = {"a": Late(rate), "b": Tremolo(rate), "c": Tremolo(rate), "d": Compressor(rate)}
    return Mixer(tracks, {"room": Late(rate)}, sends={"a": {"room": -6.0}, "d": {"room": -9.0}}, keys={"d": "a"})


ROUTED = (
    Routed(Chain, {}, "late,comp,pan", lambda rate: Chain(Late(rate), Compressor(rate), StereoPanning(rate))),
    Routed(Parallel, {}, "dry,late,trem", lambda rate: Parallel(dry=None, late=Late(rate), trem=Tremolo(rate))),
    Routed(DryWet, {}, "late", lambda rate: DryWet(Late(rate))),
    Routed(MidSide, {}, "comp,late", lambda rate: MidSide(mid=Compressor(rate), side=Late(rate))),
    Routed(Send, {}, "delay", lambda rate: Send(FeedbackDelay(rate))),
    Routed(Ducked, {}, "late", lambda rate: Ducked(Late(rate))),
    Routed(Mixer, {}, "late,comp,comp,room", _mixer),
)


def cases():
    return [
        *(Case(cls, dict(options)) for cls in registry.effects().values() for options in cls.variants),
        *ROUTED,
    ]


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        # Who names what to run (-k) wants all of it, and so does who brings an effect.
        every = metafunc.config.getoption("--all-cases") or metafunc.config.getoption("keyword")
        sampled = metafunc.definition.get_closest_marker("sampled")
        step = sampled.args[0] if sampled and not every else 1
        turn = zlib.crc32(metafunc.definition.name.encode()) % step  # so that each test has others
        seen, rows = set(), []
        for i, case in enumerate(cases()):
            own = not (case.built_in or isinstance(case, Routed))
            quick = own or (case.built_in and case.cls not in seen)
            seen.add(case.cls)
            if own or i % step == turn:
                rows.append(pytest.param(case, id=case.id, marks=[] if quick else [pytest.mark.slow]))
        metafunc.parametrize("case", rows)
    elif "first" in metafunc.fixturenames:
        # Where construction cannot matter, one of each effect is enough.
        one = [Case(cls, dict(cls.variants[0])) for cls in registry.effects().values()]
        metafunc.parametrize("first", one, ids=[c.cls.__name__ for c in one])


@pytest.fixture(autouse=True)
def _device(request):
    """Where ``--device`` says: effects and signals are made there."""
    device = request.config.getoption("--device")
    if device == "cpu":
        yield
        return
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    with OnDevice(device):
        yield


def noise(batch, channels, samples, dtype=torch.float64, seed=0):
    """Noise whose level rises from -40 to -6 dB, so that an effect with a threshold meets it from both sides."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, channels, samples, generator=generator, dtype=torch.float64)
    return (x * torch.logspace(-2, -0.3, samples, dtype=torch.float64) / 3).to(dtype)


@pytest.fixture
def make_noise():
    return noise


@pytest.fixture
def positions():
    """Random knob positions (B, P), float64, away from the ends."""

    def draw(fx, batch, seed=0, dtype=torch.float64):
        generator = torch.Generator().manual_seed(seed + 1)
        return (0.05 + 0.9 * torch.rand(batch, len(fx.params), generator=generator, dtype=torch.float64)).to(dtype)

    return draw


@pytest.fixture
def load_twin():
    """The slow twin of an effect: ``twin`` of tests/reference/<module>.py, or of <module>_reference.py beside it."""

    def load(cls):
        stem = cls.__module__.rsplit(".", 1)[-1]
        outside = Path(sys.modules[cls.__module__].__file__ or ".").parent / f"{stem}_reference.py"
        path = next((p for p in (REFERENCES / f"{stem}.py", outside) if p.exists()), None)
        if path is None:
            return None
        spec = importlib.util.spec_from_file_location(f"reference_{stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return getattr(module, f"twin_{cls.__name__.lower()}", None) or getattr(module, "twin", None)

    return load
