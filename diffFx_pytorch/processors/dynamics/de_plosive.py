"""De-plosive."""

from __future__ import annotations

from ...options import Number
from ...params import EffectParam
from .key import LOOKAHEAD
from .ratio_shelf import RatioShelf


class DePlosive(RatioShelf):
    """Takes pops of p and b down: a low shelf turns down while what is below ``freq_hz`` outweighs what is above it.

    The mirror image of ``DeEsser``: with h, b, l the high-, sqrt(2) band- and low-pass outputs of a second-order
    Butterworth state variable filter at ``freq_hz`` (h + b + l = x) and P their powers, averaged over 10 ms,

        d = 10 log10(P_l / P_h),    z = (d - threshold) / 6 dB, held in 0 .. 1 and smoothed by attack and release,
        y = h + sqrt(g) b + g l,    g = 10^(-range z / 20).

    A pop is a gust on the microphone: 10 dB and more below 120 Hz over what is above. A vowel has its overtones there,
    however low it is sung, and passes. The look-ahead lets the shelf be down when the gust arrives.

    References:
        U. Zolzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 4.2 (de-esser, figure 4.13).
        G. W. Elko, J. Meyer, S. Backer, J. Peissig, "Electronic pop protection for
        microphones", IEEE WASPAA 2007 (pops as low-frequency gusts without far-field sound).
    """

    words = (
        "turns pops below {freq_hz} down by up to {range_db}, "
        "where they are {threshold_db} beside the rest, in {attack_ms}, and back in {release_ms}",
    )
    params = {
        "freq_hz": EffectParam(40.0, 500.0, 130.0, "log", "Hz", doc="Below which pops are: corner of the shelf."),
        "threshold_db": EffectParam(
            -60.0,
            20.0,
            3.0,
            unit="dB",
            doc="Level below freq_hz relative to the level above it at which the shelf acts.",
        ),
        "range_db": EffectParam(0.0, 36.0, 24.0, unit="dB", doc="Largest cut of the shelf; 0 is neutral."),
        "attack_ms": EffectParam(0.01, 100.0, 2.0, "log", "ms", doc="Time to 63 % of a falling gain."),
        "release_ms": EffectParam(1.0, 1000.0, 60.0, "log", "ms", doc="Time to 63 % of a rising gain."),
    }
    options = {**RatioShelf.options, "lookahead_ms": Number(0, 1000, 15.0, "ms", doc=LOOKAHEAD.doc)}
    # Little look-ahead, so that the contract's short signals come out of it.
    variants = ({"lookahead_ms": 0.5}, {"lookahead_ms": 0.0, "link": False})
    _below, _power_ms, _what = True, 10.0, "a pop"
