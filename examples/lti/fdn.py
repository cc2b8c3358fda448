"""A feedback delay network with a graphic equaliser in its loop, fitted to the decay of a room, octave by octave.

python examples/lti/fdn.py                # to a synthetic response
python examples/lti/fdn.py room.wav
"""

import argparse

import torch

from diffFx_pytorch import lti
from diffFx_pytorch.dsp.room_analysis import reverberation_time
from diffFx_pytorch.files import audio_info, read_sound
from diffFx_pytorch.fit import Criterion, EnergyDecayCurve, MultiResolutionSTFT, sparsity, train

RATE = 48000.0
DELAYS = torch.tensor([593, 743, 929, 1153, 1399, 1699])


def made_up_response(seconds: float) -> torch.Tensor:
    """Noise that decays in 0.6 s, in 0.3 s above 4 kHz or so."""
    n = int(seconds * RATE)
    noise = torch.randn(2, n, generator=torch.Generator().manual_seed(0))
    dark = torch.nn.functional.avg_pool1d(noise[None, 0], 5, 1, 2)[0]
    t = torch.arange(n) / RATE
    return dark * 10 ** (-3 * t / 0.6) + 0.3 * noise[1] * 10 ** (-3 * t / 0.3)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("response", nargs="?", help="a mono room response to fit")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.0)
    arguments = parser.parse_args(argv)
    torch.manual_seed(130799)
    nfft = int(arguments.seconds * RATE)
    if arguments.response:
        h = read_sound(arguments.response)[0]
        h = h[int(h.abs().argmax()) :]
        assert audio_info(arguments.response).sample_rate == RATE, "the response must be at 48 kHz"
        target = torch.nn.functional.pad(h, (0, nfft))[:nfft]
    else:
        target = made_up_response(arguments.seconds)
    target = (target / target.norm())[None, None]

    loss_db = -60 * DELAYS / RATE / 0.5  # attenuation per line and round for a decay of half a second
    network = lti.Series(
        b=lti.Gain(torch.randn(6, 1) / 6, requires_grad=True),
        loop=lti.Recursion(
            lti.Delay(DELAYS),
            lti.Series(
                mixing=lti.Matrix(6, requires_grad=True),
                attenuation=lti.GEQ(
                    loss_db[:, None].expand(6, 10).clone(),
                    sample_rate=RATE,
                    diagonal=True,
                    map=lti.Bounded(-30.0, -0.01),
                    requires_grad=True,
                ),
            ),
        ),
        c=lti.Gain(torch.randn(1, 6), requires_grad=True),
    )
    shell = lti.Shell(
        lti.Parallel(direct=lti.Gain(size=(1, 1), requires_grad=True), late=network),
        nfft,
        alias_decay_db=30.0,
        output="signal",
    )
    criteria = [
        Criterion(MultiResolutionSTFT(), name="spectra"),
        Criterion(EnergyDecayCurve(RATE), name="decay"),
        Criterion(sparsity, 0.2, of=lambda m: m.core.late.loop.feedback.mixing.value("matrix")),
    ]
    history = train(shell, criteria, [(None, target)], epochs=arguments.steps, learning_rate=2e-2)
    print("  ".join(f"{name} {values[0]:.3f} -> {values[-1]:.3f}" for name, values in history.terms.items()))
    with torch.no_grad():
        for label, h in (("target", target), ("found", shell())):
            decay = reverberation_time(h[0, 0], RATE, "octave", (-5.0, -25.0))
            print(f"T60 by octave from 125 Hz, {label:6}:", *(f"{t:.2f}" for t in decay.tolist()))


if __name__ == "__main__":
    main()
