"""De-esser."""

from __future__ import annotations

from ...params import EffectParam
from .ratio_shelf import RatioShelf


class DeEsser(RatioShelf):
    """De-esser: turns a high shelf down while the sound above ``freq_hz`` is strong beside the sound below it.

    With h, b, l the high-, sqrt(2) band- and low-pass outputs of a second-order Butterworth state variable filter at
    ``freq_hz`` (h + b + l = x) and P their powers, averaged over 5 ms,

        d = 10 log10(P_h / P_l),    z = (d - threshold) / 6 dB, held in 0 .. 1 and smoothed by attack and release,
        y = l + sqrt(g) b + g h,    g = 10^(-range z / 20).

    y is a Butterworth shelf of gain g whose poles stand still, however fast g moves; where z = 0 it is x itself. The
    threshold is a ratio of two bands: it is the same for a whispered and for a shouted line. Vowels lie near -30 dB,
    sibilants above -6 dB.

    References:
        U. Zolzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.2 (de-esser, figure 4.13).
        V. Zavalishin, "The Art of VA Filter Design", rev. 2.1.0, 2018, chapter 4 (shelves).
    """

    words = (
        "turns sharp s above {freq_hz} down by up to {range_db}, "
        "where they are {threshold_db} beside the rest, in {attack_ms}, and back in {release_ms}",
    )
    params = {
        "freq_hz": EffectParam(
            1000.0, 16000.0, 4000.0, "log", "Hz", doc="Where sibilance begins: corner of the shelf."
        ),
        "threshold_db": EffectParam(
            -40.0,
            20.0,
            -12.0,
            unit="dB",
            doc="Level above freq_hz relative to the level below it at which the shelf acts.",
        ),
        "range_db": EffectParam(0.0, 24.0, 15.0, unit="dB", doc="Largest cut of the shelf; 0 is neutral."),
        "attack_ms": EffectParam(0.01, 100.0, 1.0, "log", "ms", doc="Time to 63 % of a falling gain."),
        "release_ms": EffectParam(1.0, 1000.0, 30.0, "log", "ms", doc="Time to 63 % of a rising gain."),
    }
    _below, _power_ms, _what = False, 5.0, "sibilance"
