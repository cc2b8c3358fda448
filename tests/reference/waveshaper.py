"""Waveshaper: the slope runs in straight lines through 1 at 0 and the knobs; heights and areas piece by piece."""

import runpy
from pathlib import Path

stage = runpy.run_path(str(Path(__file__).with_name("stage.py")))["stage"]


def twin(x, sample_rate, num_points=4, **options):
    spacing = 2.0 / num_points
    slopes = {
        side: [1.0, *(options.pop(f"{side}_{k + 1}_slope") for k in range(num_points))] for side in ("below", "above")
    }

    def walk(u):
        """Height and area from 0 to u."""
        s, left, height, area = slopes["above" if u >= 0 else "below"], abs(u), 0.0, 0.0
        for k in range(num_points + 1):
            bend = (s[k + 1] - s[k]) / spacing if k < num_points else 0.0
            run = min(left, spacing) if k < num_points else left
            area += height * run + s[k] * run**2 / 2 + bend * run**3 / 6
            height += s[k] * run + bend * run**2 / 2
            left -= run
        return (height if u >= 0 else -height), area

    return stage(x, sample_rate, lambda u: walk(u)[0], lambda u: walk(u)[1], **options)
