"""The page in a real headless Chromium: what hands and keys do is heard, bit for bit as Python computes it."""

import base64
import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from diffFx_pytorch.presets.chain_file import ChainFile
from diffFx_pytorch.processors import Meter
from diffFx_pytorch.routing import readings
from diffFx_pytorch.studio import Folder, Session

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra test)")
pytest.importorskip("uvicorn", reason="the extra studio is not installed")
from tests.studio.serving import serving  # noqa: E402  # needs them

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium; apt-get install chromium"),
    pytest.mark.xdist_group("browser"),
]
WAIT = 60_000
SETTLED = "() => studio.ready && !studio.api.busy() && studio.takeRevision >= studio.state.revision"


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=flags, timeout=WAIT)
        yield found
        found.close()


class Page:
    """A window on a session, that notes what it should not do."""

    def __init__(self, browser, url, session, width=1440, height=900, **about):
        self.session = session
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, bypass_csp=True, reduced_motion="reduce", **about
        )
        self.context.set_default_timeout(WAIT)
        self.wrong = []
        self.tab = self.open(url)

    def open(self, url):
        tab = self.context.new_page()
        tab.on("console", lambda m: self.wrong.append(m.text) if m.type in ("error", "warning") else None)
        tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        tab.on("request", lambda r: self.wrong.append(r.url) if not r.url.startswith(url) else None)
        tab.goto(url)
        tab.wait_for_function(SETTLED)
        return tab

    def sound(self):
        """The samples that the page plays, (C, T), once they are those of what it shows."""
        self.tab.wait_for_function(SETTLED)
        code = """() => studio.take.sound.map((s) => {
            const bytes = new Uint8Array(s.buffer, s.byteOffset, s.byteLength);
            let text = '';
            for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
            return btoa(text);
        })"""
        return np.stack([np.frombuffer(base64.b64decode(text), "<f4") for text in self.tab.evaluate(code)])

    def knob(self, owner, name):
        return self.tab.get_by_role("slider", name=f"{owner} {name}", exact=True)


@pytest.fixture
def page(browser, home):
    session = Session(Folder(home), "tone.wav")
    text = "version: 1\nchain: [{effect: Peak, name: bell}, {effect: Gain, name: fader}, {effect: Limiter}]\n"
    session.apply({"op": "load", "text": text})
    session.apply({"op": "loop", "start": 0, "stop": 0.5})
    with serving(session) as url:
        page = Page(browser, url, session)
        page.url = url
        yield page
        page.context.close()
    assert not page.wrong


def by_python(page):
    """What the chain file of the rack makes of the sound, computed here."""
    chain, _ = ChainFile(page.session.yaml()).build(page.session.desk.rate)
    _, _, dry = page.session.take()
    part = page.session.part()
    x = part.read(0, part.stop + chain.latency_samples)
    with torch.no_grad():
        return chain(x[None])[0, :, chain.latency_samples :].numpy(), dry.numpy()


def test_knobs_are_turned_by_mouse_wheel_keys_and_words(page):
    tab, fader = page.tab, page.knob("fader", "gain")
    heard = [page.sound()]

    def turned(wanted):
        until = time.monotonic() + 20
        while not wanted(float(fader.get_attribute("aria-valuenow"))) and time.monotonic() < until:
            time.sleep(0.02)
        heard.append(page.sound())
        np.testing.assert_allclose(heard[-1], by_python(page)[0], atol=1e-6)
        assert not np.array_equal(heard[-1], heard[-2])
        value = float(fader.get_attribute("aria-valuenow"))
        node = next(n for n in page.session.nodes if n.name == "fader")
        assert value == node.params["gain_db"]
        assert wanted(value), value

    box = fader.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    for step in range(1, 11):
        tab.mouse.move(x, y + 3 * step)
    tab.mouse.up()
    turned(lambda v: -40 < v < -5)
    dragged = float(fader.get_attribute("aria-valuenow"))
    tab.mouse.move(x, y)
    tab.mouse.wheel(0, -100)
    turned(lambda v: v > dragged)
    fader.press("ArrowDown")
    fader.press("PageDown")
    turned(lambda v: v < dragged)
    fader.press("-")
    tab.keyboard.type("3.5")
    tab.keyboard.press("Enter")
    turned(lambda v: v == -3.5)
    assert fader.get_attribute("aria-valuetext") == "-3.5 dB"
    fader.dblclick()
    turned(lambda v: v == 0)
    page.knob("bell", "freq").press("PageDown")
    page.knob("bell", "gain").press("Home")
    turned(lambda v: v == 0)
    # One turn of the mouse is one step back.
    for _ in range(3):
        tab.keyboard.press("Control+z")
    page.sound()
    assert float(fader.get_attribute("aria-valuenow")) == -3.5


def test_the_page_shows_what_the_rack_is(page):
    tab = page.tab
    tab.get_by_role("tab", name="YAML").click()
    assert tab.locator("#panel pre").text_content() == page.session.yaml()
    tab.get_by_role("tab", name="Python").click()
    assert "chain = Chain(" in tab.locator("#panel pre").text_content()
    page.knob("fader", "gain").press("End")
    tab.wait_for_function("() => document.querySelector('#panel pre').textContent.includes('gain_db=24')")
    tab.get_by_role("tab", name="In words").click()
    assert "24 dB" in tab.locator("#panel").text_content()


def test_effects_are_dragged_in_moved_bypassed_and_drawn(page):
    tab = page.tab
    tab.get_by_role("searchbox").fill("tremolo")
    tab.locator("[data-effect=Tremolo]").drag_to(tab.locator(".gap").first)
    tab.wait_for_selector("[aria-label^='tremolo,']")
    assert [n.name for n in page.session.nodes] == ["tremolo", "bell", "fader", "limiter"]
    tab.get_by_role("button", name="Move tremolo").press("ArrowDown")
    tab.get_by_role("button", name="Bypass limiter").click()
    page.sound()
    assert [n.name for n in page.session.nodes] == ["bell", "tremolo", "fader", "limiter"]
    assert page.session.nodes[3].bypass
    grip, gap = tab.get_by_role("button", name="Move fader"), tab.locator(".gap").first
    grip.hover()
    tab.mouse.down()
    tab.mouse.move(*(gap.bounding_box()[side] + 2 for side in ("x", "y")), steps=8)
    tab.mouse.up()
    tab.wait_for_function("() => studio.state.nodes[0].name === 'fader'")
    tab.get_by_role("button", name="Draw how fader moves").click()
    plot = tab.locator(".lane .plot")
    box = plot.bounding_box()
    plot.click(position={"x": box["width"] * 0.3, "y": box["height"] * 0.2})
    plot.click(position={"x": box["width"] * 0.8, "y": box["height"] * 0.9})
    tab.wait_for_function("() => studio.state.nodes[0].params.gain_db.points?.length === 3")
    np.testing.assert_allclose(page.sound(), by_python(page)[0], atol=1e-6)
    tab.get_by_role("button", name="More for fader").click()
    tab.get_by_role("menuitem", name="Parallel").click()
    tab.wait_for_selector("article.parallel [aria-label='Path dry']")
    np.testing.assert_allclose(page.sound(), by_python(page)[0], atol=1e-6)


def test_every_routing_is_shown_and_turned_by_keys_alone(page):
    tab = page.tab
    steps = [
        "parallel: {dry: null, wet: {effect: Gain}}",
        "mid_side: {side: [{effect: HighPass}, {effect: Gain}]}",
        "multi_band: {effect: Compressor}",
        *(f"{kind}: {{effect: Gain}}" for kind in ("send", "ducked", "dry_wet")),
    ]
    text = "".join(f"  - {step}\n" for step in steps)
    page.session.apply({"op": "load", "text": f"version: 1\nchain:\n{text}"})
    tab.wait_for_selector("article.ducked")
    page.sound()
    tab.get_by_role("group", name="band 2").get_by_role("slider", name="multi band band 2 makeup").press("PageUp")
    np.testing.assert_allclose(page.sound(), by_python(page)[0], atol=1e-6)
    assert page.session.nodes[2].params["band_2.makeup_db"] > 1
    tab.get_by_role("button", name="Add an effect to path dry of parallel").press("Enter")
    tab.keyboard.type("tremolo")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("article.parallel [aria-label^='Tremolo']")
    assert page.session.nodes[0].children[0].effect == "Tremolo"
    tab.get_by_role("button", name="Draw how multi_band moves").press("Enter")
    add = tab.get_by_role("button", name="Add a point")
    add.press("Enter")
    tab.keyboard.press("ArrowUp")
    add.press("Enter")
    tab.wait_for_function("() => studio.state.nodes[2].params['band_1.threshold_db'].points?.length === 3")
    times = [point[0] for point in page.session.nodes[2].params["band_1.threshold_db"]["points"]]
    assert times == sorted(times)
    np.testing.assert_allclose(page.sound(), by_python(page)[0], atol=1e-6)


def test_a_fault_of_the_page_is_no_lost_connection(page):
    page.tab.evaluate("() => studio.api.on('state', () => { throw new Error('a fault'); })")
    page.knob("fader", "gain").press("End")
    page.tab.get_by_text("The page cannot show this: a fault").first.wait_for()
    page.sound()
    assert page.session.nodes[1].params["gain_db"] == 24
    assert not page.tab.get_by_text("The connection is lost").is_visible()
    page.wrong[:] = [w for w in page.wrong if "a fault" not in w]


def test_bypass_and_the_other_rack_keep_the_place(page):
    tab = page.tab
    tab.get_by_role("button", name="Play", exact=True).click()
    tab.wait_for_function("() => studio.player.playing && studio.player.position() > 0.05")
    tab.get_by_role("button", name="Bypass", exact=True).click()
    moved = tab.evaluate(
        """() => { const p = studio.player, before = p.position(); p.bypass(false);
                   const after = p.position(); p.bypass(true); return [before, after, p.position()]; }"""
    )
    assert max(moved) - min(moved) < 0.02
    page.knob("fader", "gain").press("Home")
    page.sound()
    tab.wait_for_function("() => studio.player.match < 0.1")  # as soft as with the effects
    tab.get_by_role("button", name="Copy to B").click()
    tab.get_by_role("radio", name="B", exact=True).click()
    page.knob("fader", "gain").press("End")
    loud = page.sound()
    tab.get_by_role("radio", name="A", exact=True).click()
    assert np.abs(page.sound()).max() < 0.1 * np.abs(loud).max()
    assert tab.evaluate("() => studio.player.playing")


def test_with_loop_off_the_sound_goes_on_without_a_gap_to_the_end_of_the_file(page):
    tab = page.tab
    tab.evaluate(
        """() => { studio.seams = []; const p = studio.player, was = p._follow.bind(p);
                   p._follow = () => { was(); if (p._following) studio.seams.push([p.began + p.duration]); }; }"""
    )
    tab.get_by_role("button", name="Loop", exact=True).click()
    tab.get_by_role("button", name="Play", exact=True).click()
    tab.wait_for_function("() => studio.state.loop[0] === 0.5 && studio.state.loop[1] === 2")
    assert tab.evaluate("() => studio.player.playing && Math.abs(studio.player.began - studio.seams.at(-1)[0]) < 1e-9")
    np.testing.assert_allclose(page.sound(), page.session.take()[1].sound.numpy(), atol=1e-7)
    tab.wait_for_function("() => !studio.player.playing")
    tab.wait_for_function("() => studio.state.loop[0] === 0")  # back at the beginning
    tab.get_by_role("button", name="Play", exact=True).wait_for()


def test_two_windows_a_reload_and_a_lost_connection_lose_nothing(page):
    tab, other = page.tab, page.open(page.url)
    page.knob("fader", "gain").press("Home")
    wanted = float(page.knob("fader", "gain").get_attribute("aria-valuenow"))
    other.wait_for_function(f"() => studio.state.nodes[1].params.gain_db === {wanted}")
    other.get_by_role("slider", name="bell gain").press("End")
    tab.wait_for_function("() => studio.state.nodes[0].params.gain_db > 1")
    tab.reload()
    tab.wait_for_function(SETTLED)
    assert float(page.knob("fader", "gain").get_attribute("aria-valuenow")) == wanted
    assert page.sound().shape[1] == 22050
    before = len(page.wrong)
    page.context.set_offline(True)
    page.knob("fader", "gain").press("End")
    tab.get_by_text("The connection is lost").wait_for()
    assert page.session.nodes[1].params["gain_db"] == wanted
    page.context.set_offline(False)
    tab.get_by_text("The connection is lost").wait_for(state="hidden")
    np.testing.assert_allclose(page.sound(), by_python(page)[0], atol=1e-6)
    assert page.session.nodes[1].params["gain_db"] == 24
    page.wrong[before:] = [w for w in page.wrong[before:] if "ERR_INTERNET_DISCONNECTED" not in w]


def test_a_bad_file_is_refused_and_a_good_one_opened(page, home, tmp_path_factory):
    tab, outside = page.tab, tmp_path_factory.mktemp("elsewhere")
    (outside / "bad.wav").write_bytes(b"RIFF and nothing more")
    shutil.copy(home / "tone.wav", outside / "other.wav")
    before = len(page.wrong)
    for name, seen in (("bad.wav", "bad.wav cannot be used"), ("other.wav", "other.wav")):
        tab.locator("#open").click()
        with tab.expect_file_chooser() as chooser:
            tab.get_by_role("button", name="From this computer").click()
        chooser.value.set_files(outside / name)
        tab.get_by_text(seen).first.wait_for()
    tab.wait_for_function("() => studio.state.source.name === 'other.wav'")
    page.wrong[before:] = [w for w in page.wrong[before:] if "422" not in w]
    assert not (home / "bad.wav").exists()


def test_every_control_has_a_name_and_nothing_lies_outside(page, browser):
    roles = {"button", "slider", "textbox", "searchbox", "combobox", "checkbox", "radio", "tab", "spinbutton", "link"}
    page.tab.get_by_role("button", name="Draw how fader moves").click()
    for width in (1440, 390):
        page.tab.set_viewport_size({"width": width, "height": 844})
        views = ["rack"] if width > 900 else ["palette", "rack", "side"]
        for view in views:
            if width < 900:
                page.tab.locator(f".dock [data-view={view}]").click()
            tree = page.context.new_cdp_session(page.tab).send("Accessibility.getFullAXTree")["nodes"]
            controls = [n for n in tree if n.get("role", {}).get("value") in roles and not n.get("ignored")]
            assert len(controls) > 15
            assert not [n for n in controls if not n.get("name", {}).get("value", "").strip()]
            wide = page.tab.evaluate("() => document.documentElement.scrollWidth")
            assert wide <= width
            outside = page.tab.evaluate(
                """() => [...document.querySelectorAll('button, input, select, .dial, canvas')]
                    .filter((el) => el.checkVisibility() && !el.classList.contains('hidden') && !el.closest('.tabs'))
                    .map((el) => [el.getBoundingClientRect(), el.outerHTML.slice(0, 90)])
                    .filter(([box]) => box.width && (box.left < -10 || box.right > innerWidth + 10))
                    .map(([box, said]) => said)"""
            )
            assert not outside


def test_its_own_policy_lets_it_run(page, browser):
    context, wrong = browser.new_context(), []
    tab = context.new_page()
    tab.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    tab.goto(page.url)
    tab.wait_for_selector("[aria-label^='bell,']", timeout=WAIT)
    context.close()
    assert not wrong


def test_a_match_is_watched_and_kept(page, home):
    import soundfile

    text = "version: 1\nchain: [{effect: Gain, name: fader, params: {gain_db: -9}}]\n"
    wet = ChainFile(text).build(44100)[0](page.session.take()[2][None])[0]
    soundfile.write(home / "wet.wav", wet.T.numpy(), 44100, "FLOAT")
    page.session.apply({"op": "load", "text": text.replace("-9", "0")})
    tab = page.tab
    tab.wait_for_selector("[aria-label^='bell,']", state="detached")
    tab.get_by_role("tab", name="Match").click()
    tab.get_by_role("button", name="From the folder").click()
    tab.get_by_role("button", name=re.compile("wet.wav")).click()
    tab.get_by_role("button", name="Fit", exact=True).click()
    tab.get_by_role("button", name="Keep").wait_for()
    assert page.session.nodes[0].params["gain_db"] == 0
    tab.get_by_role("button", name="Keep").click()
    page.sound()
    assert page.session.nodes[0].params["gain_db"] == pytest.approx(-9, abs=0.01)
    tab.keyboard.press("Control+z")
    page.sound()
    assert page.session.nodes[0].params["gain_db"] == 0


def test_a_meter_reads_where_it_stands(page):
    tab = page.tab
    page.session.apply(
        {
            "op": "load",
            "text": "version: 1\nchain:\n- {effect: Gain, name: fader, params: {gain_db: -6}}\n"
            "- {effect: Meter, name: here}\n- parallel: {nested: {effect: Meter}, other: {effect: Invert}}\n"
            "  name: both\n- {effect: Meter, name: end, options: {loudness: false}}\n",
        }
    )
    fader, here = page.knob("fader", "gain"), tab.get_by_label("Readings of here", exact=True)

    def read():
        page.sound()
        tab.wait_for_function("() => studio.pictures?.key === studio.take.key")
        number = r"(-?\d+\.\d+)"
        sync_api.expect(here).to_have_text(re.compile(f"^{number} LUFS, {number} dBTP, correlation {number}$"))
        return [float(word) for word in re.findall(number, here.text_content())]

    lufs, peak, correlation = read()
    dry = page.session.take()[2].double()
    found = readings(Meter(44100).run(dry[None])[1])[""]
    wanted = [float(found[name].amax()) for name in ("lufs", "true_peak_db", "correlation")]
    assert [lufs, peak, correlation] == pytest.approx([wanted[0] - 6, wanted[1] - 6, wanted[2]], abs=0.06)
    sync_api.expect(tab.get_by_label("Readings of Meter", exact=True)).to_have_text(here.text_content())
    sync_api.expect(tab.get_by_label("Readings of end", exact=True)).to_have_text(re.compile("^– dBTP"))
    fader.press("PageDown")
    tab.wait_for_function("() => studio.api.busy() || studio.takeRevision >= studio.state.revision")
    assert read()[0] < lufs - 0.5


def test_pictures_of_the_docs(page, tmp_path, browser):
    """Pictures of the page; into $DIFFFX_PICTURES where that names a folder: ``docs/pictures``."""
    folder = Path(os.environ.get("DIFFFX_PICTURES") or tmp_path)
    page.session.apply({"op": "load", "name": "lead-vocal"})
    page.session.apply({"op": "loop", "start": 0, "stop": 2})
    for name, width, height, theme in (
        ("studio-light", 1280, 800, "light"),
        ("studio-dark", 1280, 800, "dark"),
        ("studio-phone", 390, 760, "light"),
    ):
        shown = Page(browser, page.url, page.session, width, height, color_scheme=theme)
        shown.tab.wait_for_function("() => studio.pictures?.key === studio.take.key")
        time.sleep(0.5)  # curves come after the sound
        shown.tab.screenshot(path=folder / f"{name}.jpg", quality=82, type="jpeg")
        shown.context.close()
        assert (folder / f"{name}.jpg").stat().st_size > 20_000
        assert not shown.wrong
