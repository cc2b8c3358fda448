"""Tone stacks of amplifiers: which components, and who published them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Circuit:
    """Components of a tone stack.

    Args:
        treble, bass, mid: pots R1, R2, R3, in kilohms; a fixed resistor R3 where there is no ``mid_pot``.
        slope: resistor R4, in kilohms.
        c1: treble capacitor, in picofarads.
        c2, c3: bass and mid capacitor, in nanofarads.
        source: where the values are from.
        mid_pot: False where R3 is fixed, C3 is joined to its top, and the other end of the bass pot is grounded.
    """

    treble: float
    bass: float
    mid: float
    slope: float
    c1: float
    c2: float
    c3: float
    source: str
    mid_pot: bool = True


_CAPS = "schematic, as tabulated in the tone stacks of CAPS (T. Goetze) and Guitarix"
_GUITARIX = "as tabulated in Guitarix, trunk/src/faust/tonestack.dsp"
_HACK_AUDIO = "as tabulated by Hack Audio, Point To Point MATLAB, Circuits/AmpToneStacks"

CIRCUITS = {
    "fender_bassman": Circuit(250, 1000, 25, 56, 250, 20, 20, "Bassman 5F6-A of 1959: Yeh and Smith 2006, figure 1"),
    "fender_twin_reverb": Circuit(250, 250, 10, 100, 120, 100, 47, f"Twin Reverb AA270 of 1969: {_CAPS}"),
    "fender_princeton": Circuit(250, 250, 4.8, 100, 250, 100, 47, f"Princeton: {_CAPS}"),
    "fender_blues_junior": Circuit(250, 250, 25, 100, 250, 22, 22, f"Blues Junior: {_CAPS}"),
    "fender_hot_rod_deville": Circuit(250, 250, 25, 130, 250, 100, 22, f"Hot Rod DeVille: {_CAPS}"),
    "marshall_major_200": Circuit(250, 1000, 25, 33, 500, 22, 22, f"Major, Lead 200, of 1967: {_CAPS}"),
    "marshall_jcm800": Circuit(220, 1000, 22, 33, 470, 22, 22, f"JCM 800 Lead 2203 of 1981: {_CAPS}"),
    "marshall_2199": Circuit(250, 250, 25, 56, 250, 47, 47, f"2199, 30 W solid state: {_CAPS}"),
    "mesa_boogie_mark": Circuit(250, 250, 25, 100, 250, 100, 47, f"Boogie Mark: {_CAPS}"),
    "soldano_slo_100": Circuit(250, 1000, 25, 47, 470, 20, 20, f"SLO-100: {_CAPS}"),
    "sovtek_mig_100": Circuit(500, 1000, 10, 47, 470, 22, 22, f"MIG-100H: {_CAPS}"),
    "peavey_classic_20": Circuit(250, 250, 20, 68, 270, 22, 22, f"Classic 20: {_CAPS}"),
    "ampeg_reverberocket": Circuit(250, 250, 10, 100, 100, 100, 47, f"Reverberocket: {_CAPS}"),
    "roland_cube_60": Circuit(250, 250, 10, 41, 240, 33, 82, f"Cube 60: {_CAPS}"),
    "bogner_triple_giant": Circuit(250, 1000, 33, 51, 220, 15, 47, f"Triple Giant preamplifier: {_CAPS}"),
    "marshall_jtm45": Circuit(250, 1000, 25, 33, 270, 22, 22, f"JTM 45, {_GUITARIX}"),
    "marshall_jcm2000": Circuit(
        250, 1000, 25, 56, 500, 22, 22, f"JCM 2000, {_GUITARIX}, which says: 81 2000 Lead, R4 10k and a pot of 100k"
    ),
    "marshall_bluesbreaker": Circuit(220, 1000, 22, 56, 220, 22, 22, f"1962 Bluesbreaker, {_HACK_AUDIO}"),
    "vox_ac30": Circuit(
        1000,
        1000,
        10,
        100,
        50,
        22,
        22,
        f"AC30 Top Boost, values of 59/86 {_GUITARIX}; the circuit, {_HACK_AUDIO} (which has C1 47 pF)",
        mid_pot=False,
    ),
    "vox_ac15": Circuit(220, 220, 220, 100, 470, 100, 47, f"AC15, {_GUITARIX}"),
    "ampeg_vl_501": Circuit(250, 1000, 25, 32, 470, 22, 22, f"Ampeg VL-501, {_GUITARIX}"),
    "engl": Circuit(250, 1000, 20, 100, 600, 47, 47, f"Engl, {_GUITARIX}, which names no model"),
    "ibanez_gx20": Circuit(250, 250, 10, 100, 270, 100, 40, f"Ibanez GX20, {_GUITARIX}"),
    "groove_tubes_trio": Circuit(220, 1000, 22, 68, 470, 22, 22, f"Groove Tubes Trio preamplifier, {_GUITARIX}"),
    "hughes_kettner_crunch": Circuit(220, 220, 10, 100, 220, 47, 47, f"Hughes & Kettner, crunch, {_GUITARIX}"),
    "orange_ad15": Circuit(250, 250, 25, 68, 150, 22, 22, f"Orange AD15, {_HACK_AUDIO}"),
}
"""Circuits by name. Left out of Guitarix's table, since nothing says what they are of: "fender_default", which names no
amplifier, and "gibsen", whose label, "gs12 reverbrocket", is that of another maker's."""
