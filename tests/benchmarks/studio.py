"""How soon the sound of the studio follows a knob, by the clock of a real browser.

``python -m tests.benchmarks.studio [TURNS]``: ten seconds of the demo clip in stereo play in a loop through a chain of
five in a headless Chromium; from the key that turns a knob to the moment at which its sound is given to the audio
device. ``CPU`` is the server's, everything that the turn sets off included: the whole loop, curves and meters.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import soundfile
import torch
from playwright.sync_api import sync_playwright

from diffFx_pytorch.report.demo import demo_clip
from diffFx_pytorch.studio import Folder, Session
from tests.studio.serving import serving

CHAIN = ("HighPass", "ParametricEqualizer", "Compressor", "FeedbackDelay", "Limiter")
RATE, SECONDS, WARM = 44100, 10.0, 3
SETTLED = "() => studio.ready && !studio.api.busy() && studio.takeRevision >= studio.state.revision"


def main(turns: int = 30) -> None:
    """Turn the first knob of the first and of the last effect, and print how long it takes."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        clip = demo_clip(RATE, SECONDS)[0].expand(2, -1)
        soundfile.write(Path(folder) / "song.wav", clip.T.numpy(), RATE, "FLOAT")
        session = Session(Folder(Path(folder)), "song.wav")
        steps = ", ".join(f"{{effect: {effect}}}" for effect in CHAIN)
        session.apply({"op": "load", "text": f"version: 1\nchain: [{steps}]\n"})
        session.apply({"op": "loop", "start": 0, "stop": SECONDS})
        with serving(session) as url, sync_playwright() as playwright:
            flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            tab = browser.new_context(bypass_csp=True).new_page()
            tab.goto(url)
            tab.wait_for_function(SETTLED)
            tab.get_by_role("button", name="Play", exact=True).click()
            for place in (0, len(CHAIN) - 1):
                measure(tab, place, turns)
            browser.close()


def measure(tab, place: int, turns: int) -> None:
    """Turn a knob step by step towards the middle of its range, and print medians."""
    dial = tab.locator("article").nth(place).get_by_role("slider").first
    low, high, now = (float(dial.get_attribute(f"aria-value{end}")) for end in ("min", "max", "now"))
    lags, costs = [], []
    for turn in range(WARM + turns):
        tab.evaluate("() => { studio.lag = studio.turned = null; }")
        before = time.process_time()
        dial.press("ArrowDown" if now > (low + high) / 2 else "ArrowUp")
        tab.wait_for_function("() => studio.lag !== null", polling=5)
        lag = tab.evaluate("() => studio.lag")
        tab.wait_for_function(SETTLED, polling=20)
        time.sleep(0.4)
        if turn >= WARM:
            lags.append(lag)
            costs.append(1e3 * (time.process_time() - before))
    tenth = statistics.quantiles(lags, n=10)[-1]
    print(
        f"{dial.get_attribute('aria-label')}: {statistics.median(lags):.0f} ms, nine of ten within {tenth:.0f}; "
        f"CPU {statistics.median(costs):.0f} ms; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
