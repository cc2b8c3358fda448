"""A tape recorder as it is measured: its loops, its harmonics, its losses, its speed."""

import cmath
import math

import pytest
import torch

from diffFx_pytorch.processors import TanH, Tape

RATE = 44100
STILL = {"wow_percent": 0.0, "flutter_percent": 0.0, "bump_db": 0.0, "spacing_um": 0.05}


def tone(hertz, amplitude=0.25, seconds=1.0):
    t = torch.arange(int(RATE * seconds), dtype=torch.float64) / RATE
    return amplitude * torch.sin(2 * math.pi * hertz * t)[None, None]


def partial(y, hertz):
    """Complex amplitude over the last half second."""
    y = y[0, 0, -RATE // 2 :]
    t = torch.arange(len(y), dtype=torch.float64) / RATE
    return complex(2 * (y * torch.exp(-2j * math.pi * hertz * t)).mean())


def db(v):
    return 20 * math.log10(abs(v) + 1e-12)


def plays(u, share=1.0, coercivity=0.5):
    """The sum of plays before the tanh."""
    knobs = (torch.tensor(v, dtype=torch.float64).view(1, 1, 1) for v in (share, coercivity))
    return Tape(RATE).magnetised(u[None, None], *knobs)[0][0, 0].atanh()


def test_a_branch_is_the_first_curve_twice_as_large():
    """Masing's rule, which a sum of plays obeys: from a turning point on, m moves by 2 phi(du / 2)."""
    up = torch.linspace(0.0, 0.9, 400, dtype=torch.float64)
    phi = plays(up)
    down = plays(torch.cat((up, up.flip(0)[1:])))[400:]
    half = torch.arange(399, dtype=torch.float64) / 2 + 0.5  # du / 2 in steps of the first curve
    below = half.floor().long()
    twice = 2 * torch.lerp(phi[below], phi[below + 1], half - below)
    assert torch.allclose(down, phi[-1] - twice, atol=3e-3)


def test_a_loop_is_as_wide_as_the_coercivity_says_and_remembers():
    swing = 0.9 * torch.sin(torch.linspace(0, 4.5 * math.pi, 4001, dtype=torch.float64))
    m = plays(swing)
    falls = (m[:-1] > 0) & (m[1:] <= 0)
    # The mean of the plays lags by the mean of their widths: c (1 + 2 + 3 + 4) / 16.
    assert torch.allclose(swing[:-1][falls], torch.tensor(-0.5 * 10 / 16, dtype=torch.float64), atol=2e-3)
    inner = torch.cat((swing, 0.9 - 0.3 * torch.sin(torch.linspace(0, math.pi, 500, dtype=torch.float64))))
    assert plays(inner)[-1] == pytest.approx(float(plays(swing)[-1]), abs=1e-9)  # a closed inner loop is forgotten


def test_without_hysteresis_it_is_a_tanh():
    x = tone(1000, 0.7)
    y, z = Tape(RATE, **STILL)(x, hysteresis=0.0, drive_db=6.0), TanH(RATE)(x, drive_db=6.0)
    for k in (1, 3, 5):
        assert db(partial(y, 1000 * k)) == pytest.approx(db(partial(z, 1000 * k)), abs=0.2)


def test_hysteresis_turns_the_third_harmonic_away_from_a_memoryless_one():
    def turn(share):
        y = Tape(RATE, **STILL)(tone(200, 0.5), hysteresis=share, coercivity=0.3)
        first, third = partial(y, 200), partial(y, 600)
        return cmath.phase(third / first**3)

    # Of a memoryless shape it is in line with the first, but for the high-pass, which turns it by 8 degrees.
    assert math.sin(turn(0.0)) == pytest.approx(0.0, abs=0.15)
    assert abs(math.sin(turn(0.8))) > 0.4


def test_a_small_sound_moves_only_what_is_not_pinned():
    y = Tape(RATE, **STILL)(tone(1000, 0.005), hysteresis=0.5, coercivity=0.1)
    assert abs(partial(y, 1000)) == pytest.approx(0.0025, rel=0.01)


@pytest.mark.parametrize(("spacing", "speed"), [(1.0, 15.0), (2.0, 15.0), (1.0, 3.75)])
def test_treble_is_lost_by_54_6_db_for_a_wavelength_from_the_head(spacing, speed):
    still = {**STILL, "spacing_um": spacing, "hysteresis": 0.0}
    lost = []
    for hertz in (3000, 9000):
        y = Tape(RATE, speed_ips=speed, **still)(tone(hertz, 0.001))
        lost.append(db(partial(y, hertz)) + 60)
    wavelength = 0.0254 * speed / 6000  # between both
    assert lost[1] - lost[0] == pytest.approx(-54.6 * spacing * 1e-6 / wavelength, abs=0.05)
    assert lost[0] == pytest.approx(-54.6 * spacing * 1e-6 / (0.0254 * speed / 3000), abs=0.3)


def test_the_head_swells_the_bass_and_hears_no_direct_current():
    fx = Tape(RATE, **{**STILL, "bump_db": 6.0, "bump_hz": 60.0, "hysteresis": 0.0})
    assert db(partial(fx(tone(60, 0.001)), 60)) == pytest.approx(-60 + 6 - 0.12, abs=0.1)
    assert db(partial(fx(tone(1000, 0.001)), 1000)) == pytest.approx(-60, abs=0.1)
    assert fx(torch.full((1, 1, RATE), 0.5, dtype=torch.float64))[..., -100:].abs().max() < 1e-6


def test_wow_and_flutter_are_so_many_percent_of_the_speed():
    for name, rate, percent in (("wow", 2.0, 1.0), ("flutter", 10.0, 0.5)):
        knobs = {**STILL, "hysteresis": 0.0, f"{name}_hz": rate, f"{name}_percent": percent}
        y = Tape(RATE, **knobs)(tone(1000, 0.01, 1.5))[0, 0, RATE // 2 :]
        n = torch.arange(len(y), dtype=torch.float64)
        base = y * torch.exp(-2j * math.pi * 1000 / RATE * n)
        slow = torch.nn.functional.avg_pool1d(torch.view_as_real(base).T[None], 441, 1)[0]  # ten periods
        angle = torch.atan2(slow[1], slow[0])
        turned = (angle[441:] - angle[:-441] + math.pi).remainder(2 * math.pi) - math.pi
        hertz = 1000 + turned * 100 / (2 * math.pi)
        assert float(hertz.max()) == pytest.approx(1000 * (1 + percent / 100), rel=3e-4)
        assert float(hertz.min()) == pytest.approx(1000 * (1 - percent / 100), rel=3e-4)


def test_noise_is_off_until_it_is_asked_for():
    silence = torch.zeros(1, 2, RATE)
    assert Tape(RATE)(silence).abs().max() == 0
    y = Tape(RATE, noise=True)(silence, noise_db=-60.0, bump_db=0.0, spacing_um=0.05)[..., 4000:]
    assert 20 * math.log10(float(y.square().mean().sqrt())) == pytest.approx(-60, abs=0.2)
    assert (y[0, 0] * y[0, 1]).mean().abs() < 0.03 * y.square().mean()
