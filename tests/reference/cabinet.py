"""Cabinet: the box of Small 1972 heard by a cardioid before a piston, RBJ and Vicanek, a one-pole; or a convolution."""

import math
import runpy
from pathlib import Path

import numpy as np

_here = Path(__file__)
_run = runpy.run_path(str(_here.with_name("single_filters.py")))["run"]
pink = runpy.run_path(str(_here.with_name("convolution_reverb.py")))["pink"]


def modelled(
    channel, sample_rate, resonance_hz, resonance_q, presence_hz, presence_q, presence_db, rolloff_hz, distance_cm,
    angle_deg,
):  # fmt: skip
    # (s^2 + p s) / (s^2 + s w0 / Q + w0^2), s = k (1 - 1/z) / (1 + 1/z), k such that w0 stays
    w0, c, a = 2 * math.pi * resonance_hz, 343.0, 0.13
    k = w0 / math.tan(w0 / 2 / sample_rate)
    p = c / 2 / math.hypot(distance_cm / 100, a)
    b = [k * k + p * k, -2 * k * k, k * k - p * k]
    d = [k * k + k * w0 / resonance_q + w0 * w0, 2 * w0 * w0 - 2 * k * k, k * k - k * w0 / resonance_q + w0 * w0]
    u, v = [0.0, 0.0, *channel], [0.0, 0.0]
    for n in range(2, len(u)):
        v.append((b[0] * u[n] + b[1] * u[n - 1] + b[2] * u[n - 2] - d[1] * v[n - 1] - d[2] * v[n - 2]) / d[0])
    v = _run("peak", [v[2:]], sample_rate, presence_hz, q=presence_q, gain_db=presence_db)
    v = _run("low_pass", v, sample_rate, rolloff_hz, slope_db_per_octave=24)[0]
    # 1 / (1 + s tau): the pole sampled, as loud as the analogue one at DC and Nyquist
    tau, last, before, y = sample_rate * a * math.sin(math.radians(angle_deg)) / 1.6163 / c, 0.0, 0.0, []
    pole = math.exp(-1 / tau) if tau else 0.0
    even, odd = 1 - pole, (1 + pole) / math.hypot(1, math.pi * tau)
    for s in v:
        last = (even + odd) / 2 * s + (even - odd) / 2 * before + pole * last
        before = s
        y.append(last)
    return y


def convolved(channel, sample_rate, ir, normalize):
    h = np.atleast_2d(np.asarray(ir))
    h = h[0] / math.sqrt(pink(h, sample_rate)[0]) if normalize else h[0]
    return [sum(h[k] * channel[n - k] for k in range(min(n + 1, len(h)))) for n in range(len(channel))]


def twin(x, sample_rate, mix, ir=None, normalize=True, **knobs):
    wet = [
        modelled(c, sample_rate, **knobs) if ir is None else convolved(c, sample_rate, ir, normalize, **knobs)
        for c in x
    ]
    return [[(1 - mix) * a + mix * b for a, b in zip(*pair, strict=True)] for pair in zip(x, wet, strict=True)]
