"""Tone stack by nodal analysis, a capacitor being a conductance and a source from one sample to the next (trapezoidal).

Nodes: A top of the treble pot, B its bottom and top of the bass pot, S after the slope resistor, D between bass and mid
pot, W wiper of the mid pot. Values: schematics of the '59 Bassman (Yeh and Smith 2006) and the Mesa Boogie Mark, and
those tabulated in Guitarix and by Hack Audio. The Vox has the wiper of its bass pot at W, and its end grounded.
"""

import numpy as np

VALUES = {
    "fender_bassman": (250e3, 1e6, 25e3, 56e3, 250e-12, 20e-9, 20e-9),
    "fender_twin_reverb": (250e3, 250e3, 10e3, 100e3, 120e-12, 100e-9, 47e-9),
    "fender_princeton": (250e3, 250e3, 4.8e3, 100e3, 250e-12, 100e-9, 47e-9),
    "fender_blues_junior": (250e3, 250e3, 25e3, 100e3, 250e-12, 22e-9, 22e-9),
    "fender_hot_rod_deville": (250e3, 250e3, 25e3, 130e3, 250e-12, 100e-9, 22e-9),
    "marshall_major_200": (250e3, 1e6, 25e3, 33e3, 500e-12, 22e-9, 22e-9),
    "marshall_jcm800": (220e3, 1e6, 22e3, 33e3, 470e-12, 22e-9, 22e-9),
    "marshall_2199": (250e3, 250e3, 25e3, 56e3, 250e-12, 47e-9, 47e-9),
    "mesa_boogie_mark": (250e3, 250e3, 25e3, 100e3, 250e-12, 100e-9, 47e-9),
    "soldano_slo_100": (250e3, 1e6, 25e3, 47e3, 470e-12, 20e-9, 20e-9),
    "sovtek_mig_100": (500e3, 1e6, 10e3, 47e3, 470e-12, 22e-9, 22e-9),
    "peavey_classic_20": (250e3, 250e3, 20e3, 68e3, 270e-12, 22e-9, 22e-9),
    "ampeg_reverberocket": (250e3, 250e3, 10e3, 100e3, 100e-12, 100e-9, 47e-9),
    "roland_cube_60": (250e3, 250e3, 10e3, 41e3, 240e-12, 33e-9, 82e-9),
    "bogner_triple_giant": (250e3, 1e6, 33e3, 51e3, 220e-12, 15e-9, 47e-9),
    "marshall_jtm45": (250e3, 1e6, 25e3, 33e3, 270e-12, 22e-9, 22e-9),
    "marshall_jcm2000": (250e3, 1e6, 25e3, 56e3, 500e-12, 22e-9, 22e-9),
    "marshall_bluesbreaker": (220e3, 1e6, 22e3, 56e3, 220e-12, 22e-9, 22e-9),
    "vox_ac30": (1e6, 1e6, 10e3, 100e3, 50e-12, 22e-9, 22e-9),
    "vox_ac15": (220e3, 220e3, 220e3, 100e3, 470e-12, 100e-9, 47e-9),
    "ampeg_vl_501": (250e3, 1e6, 25e3, 32e3, 470e-12, 22e-9, 22e-9),
    "engl": (250e3, 1e6, 20e3, 100e3, 600e-12, 47e-9, 47e-9),
    "ibanez_gx20": (250e3, 250e3, 10e3, 100e3, 270e-12, 100e-9, 40e-9),
    "groove_tubes_trio": (220e3, 1e6, 22e3, 68e3, 470e-12, 22e-9, 22e-9),
    "hughes_kettner_crunch": (220e3, 220e3, 10e3, 100e3, 220e-12, 47e-9, 47e-9),
    "orange_ad15": (250e3, 250e3, 25e3, 68e3, 150e-12, 22e-9, 22e-9),
}
A, B, S, D, W, IN, GROUND = range(7)


def twin(x, sample_rate, bass, treble, mid=None, preset="fender_bassman", bass_taper="linear", makeup_db=0.0):
    R1, R2, R3, R4, C1, C2, C3 = VALUES[preset]
    if bass_taper == "audio":
        bass = (81**bass - 1) / 80
    bass = 1e-5 + (1 - 1e-5) * bass  # what is left at the end of its track
    resistors = [(A, B, R1), (IN, S, R4)]
    if mid is None:  # and no D
        resistors += [(B, W, bass * R2), (W, GROUND, R3), (W, GROUND, (1 - bass) * R2), (D, GROUND, 1.0)]
    else:
        resistors += [(B, D, bass * R2), (D, W, (1 - mid) * R3), (W, GROUND, mid * R3)]
    capacitors = [(IN, A, C1), (S, B, C2), (S, W, C3)]
    admittance = np.zeros((7, 7), np.longdouble)
    conductances = [(i, j, 1 / r) for i, j, r in resistors] + [(i, j, 2 * c * sample_rate) for i, j, c in capacitors]
    for i, j, g in conductances:
        admittance[i, i] += g
        admittance[j, j] += g
        admittance[i, j] -= g
        admittance[j, i] -= g
    inverse = np.linalg.inv(admittance[:5, :5].astype(float))
    result = []
    for channel in x:
        memory, y = [0.0, 0.0, 0.0], []  # current source beside each capacitor
        for u in channel:
            source = -admittance[:5, IN].astype(float) * u
            for (i, j, _), current in zip(capacitors, memory, strict=True):
                for node, sign in ((i, 1), (j, -1)):
                    if node < 5:
                        source[node] += sign * current
            v = np.r_[inverse @ source, u, 0.0]
            for k, (i, j, c) in enumerate(capacitors):
                memory[k] = 4 * c * sample_rate * (v[i] - v[j]) - memory[k]
            y.append(10 ** (makeup_db / 20) * (v[B] + treble * (v[A] - v[B])))
        result.append(y)
    return result
