"""Find the settings of a chain from a dry and a wet recording, by gradient descent.

    python examples/fit_chain.py                    # on synthesised sound, with known settings
    python examples/fit_chain.py dry.wav wet.wav

The chain is gain, equaliser, compressor, echo, saturation and tremolo: 35 knobs, found from the sound alone. Two of
them no descent finds, for their landscapes are all valleys: the time of the echo, read off the response from dry
to wet (``echo_ms``), and the rate of the tremolo, tried on a grid (``Stage.scan``). Descent goes on from there, first
with the equaliser's bands where they are, then with all knobs; at the end Gauss-Newton steps follow the narrow valleys
that knobs of like effect make: gain, make-up gain and drive. Along those valleys settings differ and sound the same,
and where the recording has little sound a band may settle elsewhere: what counts is the residual, the level of what is
left when the found sound is taken from the wet one.

Exits with status 1 unless the residual is below -40 dB.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from diffFx_pytorch import Chain
from diffFx_pytorch.files import audio_info, read_sound
from diffFx_pytorch.fit import ErrorToSignalRatio, FitResult, Stage, echo_ms, fit
from diffFx_pytorch.processors import Compressor, FeedbackDelay, Gain, ParametricEqualizer, TanH, Tremolo
from diffFx_pytorch.report.demo import demo_clip

HIDDEN = {
    "gain.gain_db": -3.0,
    "eq.low_shelf_gain_db": 4.0,
    "eq.low_shelf_freq_hz": 150.0,
    "eq.peak_1_gain_db": -5.0,
    "eq.peak_1_freq_hz": 400.0,
    "eq.peak_1_q": 1.2,
    "eq.peak_2_gain_db": 4.0,
    "eq.peak_2_freq_hz": 1500.0,
    "eq.peak_3_gain_db": -3.0,
    "eq.peak_3_freq_hz": 5000.0,
    "eq.high_shelf_gain_db": 5.0,
    "comp.threshold_db": -24.0,
    "comp.ratio": 3.0,
    "comp.attack_ms": 8.0,
    "comp.release_ms": 120.0,
    "comp.makeup_db": 4.0,
    "delay.delay_ms": 290.0,
    "delay.feedback": 0.4,
    "delay.lowpass_hz": 4000.0,
    "delay.highpass_hz": 150.0,
    "delay.mix": 0.3,
    "tanh.drive_db": 6.0,
    "tanh.bias": 0.2,
    "tanh.output_db": -2.0,
    "tremolo.rate_hz": 4.2,
    "tremolo.depth": 0.6,
    "tremolo.phase_deg": 140.0,
}


def make_chain(rate: float) -> Chain:
    return Chain(
        gain=Gain(rate),
        eq=ParametricEqualizer(rate),
        comp=Compressor(rate),
        delay=FeedbackDelay(rate),
        tanh=TanH(rate),
        tremolo=Tremolo(rate),
    )


def starting_point(fx: Chain, dry: Tensor, wet: Tensor) -> dict[str, float]:
    """Initial settings: gentle effects, and the echo at its estimated time."""
    return {
        "delay.delay_ms": echo_ms(dry, wet, fx.sample_rate),
        "delay.lowpass_hz": 6000.0,
        "delay.highpass_hz": 80.0,
        "tanh.drive_db": 0.0,
        "tremolo.depth": 0.03,
    }


def make_stages(fx: Chain, quick: bool) -> list[Stage]:
    # Music is loud in the bass; without pre-emphasis all bands of the equaliser move there.
    waveform = ErrorToSignalRatio(0.95, reduction="none")
    excerpt = 0.5 if quick else 1.5
    look = Stage(
        steps=0,
        loss=ErrorToSignalRatio(level_blind=True, reduction="none"),
        scan={"tremolo.rate_hz": 8 if quick else 48, "tremolo.phase_deg": 4, "tremolo.depth": [0.5]},
        seconds=excerpt,
    )
    # Bands that move before their gains are known all move to the loudest partial.
    shapes = {n for n in fx.params if n.startswith("eq.") and not n.endswith("gain_db")}
    still = [n for n in fx.params if n not in shapes]
    return [
        look,
        Stage(steps=2 if quick else 80, loss=waveform, seconds=excerpt, free=still),
        Stage(steps=2 if quick else 100, loss=waveform, seconds=excerpt, learning_rate=0.05),
        Stage(steps=1 if quick else 15, loss=waveform, method="gauss_newton", seconds=excerpt),
        Stage(steps=0 if quick else 8, method="gauss_newton"),
    ]


def show(fx: Chain, found: FitResult, true: dict[str, float] | None) -> None:
    table = Table("knob", "true", "found", "unit", title=f"residual {found.residual_db:.1f} dB")
    for name, param in fx.params.items():
        shown = "" if true is None else f"{true[name]:.4g}"
        table.add_row(name, shown, f"{found.settings[name]:.4g}", param.unit)
    Console().print(table)


def read(path: str) -> tuple[Tensor, int]:
    return read_sound(path)[None], audio_info(path).sample_rate


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="*", metavar="DRY WET", help="two recordings of the same start and rate")
    parser.add_argument("--seconds", type=float, default=170.0, help="stop after so long")
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it runs; no verdict")
    options = parser.parse_args()
    if len(options.files) not in (0, 2):
        parser.error("give a dry and a wet file, or none")

    if options.files:
        (dry, rate), (wet, wet_rate) = map(read, options.files)
        if rate != wet_rate:
            parser.error(f"the files must share one sample rate, got {rate} and {wet_rate} Hz")
        fx, true = make_chain(rate), None
    else:
        rate = 44100
        fx, true = make_chain(rate), HIDDEN
        dry = demo_clip(rate, 4.0).mean(1, keepdim=True)
        with torch.no_grad():
            # As a renderer writes it: in time with the dry sound.
            late = fx.latency_samples
            wet = fx(torch.nn.functional.pad(dry, (0, late)), dsp_params=HIDDEN)[..., late:]
    began = time.monotonic()
    found = fit(
        fx,
        dry,
        wet,
        stages=make_stages(fx, options.quick),
        starts=1,
        init=starting_point(fx, dry, wet),
        time_budget_s=options.seconds,
    )
    show(fx, found, None if true is None else fx.default_params() | true)
    print(f"residual {found.residual_db:.1f} dB in {time.monotonic() - began:.0f} s")
    return 0 if options.quick or found.residual_db < -40 else 1


if __name__ == "__main__":
    sys.exit(main())
