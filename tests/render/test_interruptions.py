"""What ends in the middle: processes that are killed or hang, runs that go on, disks that are full."""

import errno
import faulthandler
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from diffFx_pytorch import Chain, Processor
from diffFx_pytorch.presets import chain_digest, load_chain
from diffFx_pytorch.render import AudioWriter, Journal, Loudness, plan, render_batch, render_file
from diffFx_pytorch.render import journal as journal_module
from diffFx_pytorch.render.atomic import WriteError, remove_dead_parts, replacing
from diffFx_pytorch.render.loudness import programme_loudness
from diffFx_pytorch.render.workers import Lost, in_processes
from tests.cli.command import difffx

GAIN = "version: 1\nchain:\n  - {effect: Gain, params: {gain_db: -6}}\n"
CHAIN = load_chain(GAIN)
forks = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are not forked here")


@pytest.fixture
def library(tmp_path):
    random_numbers = np.random.default_rng(0)
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for i in range(20):
        name = f"{'sub/' * (i % 2)}{i:02d}.{('wav', 'flac')[i % 3 == 0]}"
        soundfile.write(tmp_path / "in" / name, random_numbers.uniform(-0.5, 0.5, (4000 + 500 * i, 2)), 8000)
    return tmp_path / "in"


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.*") if p.name != ".difffx-journal"}


def batch(library, out, chain=CHAIN, resume=False, **settings):
    journal = Journal(out, chain_digest(chain))
    return {
        outcome.source.name: outcome
        for outcome in render_batch(chain.build, plan([library], out), journal=journal, resume=resume, **settings)
    }


def statuses(outcomes):
    return {name: outcome.status for name, outcome in outcomes.items() if outcome.status != "unchanged"}


# ---- processes ----


def work(job, told):
    told(0.5)
    if job == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "crash":
        faulthandler.disable()
        os.kill(os.getpid(), signal.SIGSEGV)
    if job == "exit":
        sys.exit(7)
    if job == "hang":
        time.sleep(60)
    return f"{job} done"


@forks
@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_that_ends_costs_its_job(workers):
    heard = []
    jobs = ["a", "kill", "b", "crash", "hang", "c", "exit", "d"]
    found = dict(in_processes(work, jobs, workers, 0.7, lambda job, share: heard.append(job)))
    assert {job: found[job] for job in "abcd"} == {job: f"{job} done" for job in "abcd"}
    assert found["kill"] == Lost("ended its process (SIGKILL, perhaps for lack of memory)")
    assert found["crash"] == Lost("ended its process (SIGSEGV)")
    assert found["exit"] == Lost("ended its process with status 7")
    assert found["hang"] == Lost("was given up: nothing happened for 0.7 s")
    assert sorted(heard) == sorted(jobs)


class Deadly(Processor):
    """Ends its process at one of the files."""

    params = {}
    variants = ()

    def process(self, x, state):
        if x.shape[-1] == 4000 + 500 * 7:
            os.kill(os.getpid(), signal.SIGKILL)
        return x, state


@forks
def test_a_file_that_ends_its_process_leaves_no_part(library, tmp_path):
    def build(rate):
        return Chain(Deadly(rate)), None

    outcomes = {o.source.name: o for o in render_batch(build, plan([library], tmp_path / "out"), workers=2)}
    assert [name for name, o in outcomes.items() if o.status != "done"] == ["07.wav"]
    assert "ended its process (SIGKILL" in outcomes["07.wav"].error
    assert not list((tmp_path / "out").rglob("*.part"))


# ---- going on ----


def test_only_what_changed_is_rendered_again(library, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert set(statuses(batch(library, out)).values()) == {"done"}
    first = contents(out)
    assert statuses(batch(library, out, resume=True)) == {}
    (out / "sub" / "01.wav").unlink()
    (out / "02.wav").write_bytes(first["02.wav"][:-10])
    x, _ = soundfile.read(library / "04.wav")
    soundfile.write(library / "04.wav", x[::-1], 8000)
    os.utime(library / "06.flac", ns=(1, 1))  # its content is what it was
    with open(out / ".difffx-journal", "ab") as file:
        file.write(b'{"target": "08.wav", "key": ')  # cut off
    assert statuses(batch(library, out, resume=True)) == dict.fromkeys(("01.wav", "02.wav", "04.wav"), "done")
    assert {name for name, c in contents(out).items() if c != first[name]} == {"04.wav"}
    assert statuses(batch(library, out, resume=True)) == {}
    assert len(statuses(batch(library, out, resume=True, bit_depth="24"))) == 20
    assert len(statuses(batch(library, out, load_chain(GAIN.replace("-6", "-7")), resume=True))) == 20
    assert len(statuses(batch(library, out, load_chain(GAIN.replace("-6", "-7")), resume=True))) == 0
    monkeypatch.setattr(journal_module, "__version__", "99")
    assert len(statuses(batch(library, out, load_chain(GAIN.replace("-6", "-7")), resume=True))) == 20


def test_files_that_a_chain_names_count(tmp_path):
    (tmp_path / "inner.yaml").write_text(GAIN)
    chain = tmp_path / "chain.yaml"
    chain.write_text(
        "version: 1\nchain:\n  - {preset: inner.yaml}\n  - {effect: ConvolutionReverb, options: {ir: ir.wav}}\n"
    )
    digests = []
    for level in (0.5, 0.4):
        soundfile.write(tmp_path / "ir.wav", np.full((100, 1), level), 8000)
        digests.append(chain_digest(load_chain(chain)))
    (tmp_path / "inner.yaml").write_text(GAIN.replace("-6", "-7"))
    digests.append(chain_digest(load_chain(chain)))
    assert len(set(digests)) == 3
    assert chain_digest(load_chain(chain)) == digests[-1]


@forks
@pytest.mark.parametrize(("moment", "whole_group"), [(0.02, True), (0.06, False), (0.1, True)])
def test_killed_and_resumed(library, tmp_path, moment, whole_group):
    batch(library, tmp_path / "whole")
    out = tmp_path / "out"
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        batch(library, out, workers=2, block_seconds=0.05)
        os._exit(0)
    os.setpgid(child, child)
    time.sleep(moment)
    (os.killpg if whole_group else os.kill)(child, signal.SIGKILL)
    os.waitpid(child, 0)
    for path in contents(out):
        assert path.endswith(".part") or soundfile.info(out / path).frames
    outcomes = batch(library, out, resume=True, workers=2, block_seconds=0.05)
    assert {o.status for o in outcomes.values()} <= {"done", "unchanged"}
    for _ in range(100):  # a worker whose parent was killed removes its part when it hears of it
        if not list(out.rglob("*.part")):
            break
        time.sleep(0.05)
    assert contents(out) == contents(tmp_path / "whole")


def test_parts_of_the_dead_are_removed_and_those_of_the_living_are_not(tmp_path):
    (tmp_path / ".difffx-1-abc.part").write_bytes(b"old")
    with replacing(tmp_path / "a.txt") as part:
        assert remove_dead_parts(tmp_path) == 1
        part.write_text("new")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "new"


# ---- albums ----


def test_an_album_has_one_gain(tmp_path):
    t = np.arange(16000) / 8000
    for name, level in (("a", 0.5), ("b", 0.05), ("c", 0.2)):
        (tmp_path / "in").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "in" / f"{name}.wav", level * np.sin(2 * np.pi * 997 * t), 8000, "FLOAT")
    (tmp_path / "in" / "bad.wav").write_bytes(b"nothing")
    jobs = plan([tmp_path / "in"], tmp_path / "out")
    for workers in (0, 2):
        found = {o.source.name: o for o in render_batch(CHAIN.build, jobs, lufs=-20.0, album=True, workers=workers)}
        assert found.pop("bad.wav").status == "failed"
        gains = {round(o.rendered.gain_db, 9) for o in found.values()}
        assert len(gains) == 1
        hops = []
        for name in "abc":
            loudness = Loudness(8000, 1)
            loudness.add(soundfile.read(tmp_path / "out" / f"{name}.wav", always_2d=True)[0])
            hops.append(loudness.hops())
        assert programme_loudness(hops) == pytest.approx(-20, abs=1e-3)
    limited = list(render_batch(CHAIN.build, jobs, lufs=-3.0, true_peak=-1.0, album=True))
    assert max(o.rendered.true_peak_db for o in limited if o.rendered) == pytest.approx(-1, abs=1e-3)
    with pytest.raises(ValueError, match="an album needs a level"):
        list(render_batch(CHAIN.build, jobs, album=True))


# ---- full disks ----

FORMATS = ("a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3", "a.aiff", "a.caf", "a.w64", "a.au", "a.rf64")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, and a function that leaves so many bytes of it free."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")

    def leave(free):
        (place / "ballast").unlink(missing_ok=True)
        disk = os.statvfs(place)
        (place / "ballast").write_bytes(bytes(max(0, disk.f_bavail * disk.f_frsize - free)))

    leave.place = place
    yield leave
    subprocess.run(["umount", "-l", place], check=True)


def fills_near_the_end(small_disk, name, steps):
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (50000, 2)).astype("f4")

    def write():
        with AudioWriter(small_disk.place / name, 48000, 2) as writer:
            writer.write(x)

    small_disk(1 << 19)
    write()
    size, (whole, _) = (small_disk.place / name).stat().st_size, soundfile.read(small_disk.place / name)
    done = failed = 0
    for free in steps(size):
        (small_disk.place / name).unlink(missing_ok=True)
        small_disk(free)
        error = None
        try:
            write()
        except WriteError as caught:
            error = caught
        if error:
            failed += 1
            assert (error.errno, str(error).endswith("the disk is full")) == (errno.ENOSPC, True), error
            assert [p.name for p in small_disk.place.iterdir()] == ["ballast"]
        else:
            done += 1
            assert np.array_equal(soundfile.read(small_disk.place / name)[0], whole)
    assert done
    assert failed


@pytest.mark.parametrize("name", FORMATS)
def test_a_disk_that_fills_near_the_end(small_disk, name):
    page = os.sysconf("SC_PAGE_SIZE")
    fills_near_the_end(small_disk, name, lambda size: [size // page * page + k * page for k in (-2, -1, 0, 1, 2)])


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_disk_that_fills_anywhere(small_disk, name):
    page = os.sysconf("SC_PAGE_SIZE")
    fills_near_the_end(small_disk, name, lambda size: range(page, size + 3 * page, page))


def test_a_full_disk_ends_a_batch(library, small_disk):
    small_disk(40000)
    outcomes = list(render_batch(CHAIN.build, plan([library], small_disk.place / "out"), workers=2))
    assert sum(o.full for o in outcomes) == 1
    assert outcomes[-1].full
    assert len(outcomes) < 20
    for outcome in outcomes[:-1]:
        assert soundfile.info(outcome.target).frames == soundfile.info(outcome.source).frames
    assert not list(small_disk.place.rglob("*.part"))


@pytest.mark.parametrize("free", [0, 30000])
def test_a_full_disk_is_one_line_and_the_batch_goes_on_when_there_is_room(library, small_disk, free):
    arguments = ("render", "-e", "Gain:gain_db=-6", library, "-o", small_disk.place / "out", "-q", "-j", "2")
    small_disk(free)
    result = difffx(*arguments)
    assert result.exit_code == 1
    assert result.stderr.count("the disk is full") == len(result.stderr.splitlines()) == 1
    assert "left of 20 files" in result.stderr
    assert not list(small_disk.place.rglob("*.part"))
    (small_disk.place / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk.place], check=True)
    assert difffx(*arguments, "--resume").exit_code == 0
    assert len(contents(small_disk.place / "out")) == 20


def test_what_is_stored_for_a_level_may_fill_the_disk_too(library, small_disk):
    soundfile.write(library / "long.wav", np.random.default_rng(0).uniform(-1, 1, (60000, 2)), 8000)
    small_disk(100000)
    with pytest.raises(WriteError, match="the disk is full"):
        render_file(*CHAIN.build(8000), library / "long.wav", small_disk.place / "a.wav", lufs=-20.0)
    assert [p.name for p in small_disk.place.iterdir()] == ["ballast"]


# ---- mangled files ----


def mangled(whole, numbers):
    kind = numbers.randrange(4)
    if kind == 0:
        return whole[: numbers.randrange(len(whole))]
    broken = bytearray(whole)
    for _ in range(numbers.choice((1, 3, 30))):
        broken[numbers.randrange(min(len(broken), 200 if kind == 1 else len(broken)))] = numbers.randrange(256)
    if kind == 3:
        start = numbers.randrange(len(broken))
        del broken[start : start + numbers.randrange(1, 2000)]
    return bytes(broken)


def mangle(tmp_path, count, **how):
    numbers = random.Random(0)
    t = np.arange(12000) / 16000
    whole = {}
    (tmp_path / "in").mkdir()
    for name in ("a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "a.caf", "a.opus"):
        with AudioWriter(tmp_path / name, 16000, 2) as writer:
            writer.write(np.stack([np.sin(900 * t), np.cos(700 * t)], 1).astype("f4") / 2)
        whole[name] = (tmp_path / name).read_bytes()
        (tmp_path / "in" / name).write_bytes(whole[name])
    for i in range(count):
        name = numbers.choice(list(whole))
        (tmp_path / "in" / f"{i:03d}{name[1:]}").write_bytes(mangled(whole[name], numbers))
    outcomes = {o.source.name: o for o in render_batch(CHAIN.build, plan([tmp_path / "in"], tmp_path / "out"), **how)}
    assert len(outcomes) == count + len(whole)
    for name, outcome in outcomes.items():
        if name in whole:
            assert outcome.status == "done", outcome.error
        if outcome.status == "done":
            info = soundfile.info(outcome.target)
            assert info.frames == pytest.approx(outcome.rendered.seconds * info.samplerate, abs=1)
        else:
            assert str(outcome.source) in outcome.error or "ended its process" in outcome.error, outcome.error
    return outcomes


@forks
def test_mangled_files_cost_themselves(tmp_path):
    outcomes = mangle(tmp_path, 30, workers=1)
    assert not any("ended its process" in o.error for o in outcomes.values())


@forks
@pytest.mark.slow
def test_many_mangled_files_cost_themselves(tmp_path):
    mangle(tmp_path, 400, workers=2)


def test_a_header_that_claims_two_gigahertz(library, tmp_path):
    header = bytearray((library / "02.wav").read_bytes())
    header[24:28] = (2 * 10**9).to_bytes(4, "little")
    (library / "02.wav").write_bytes(header)
    outcomes = batch(library, tmp_path / "out")
    assert statuses(outcomes)["02.wav"] == "failed"
    assert "declares a sample rate of 2000000000 Hz, and at most 1536000 Hz are read" in outcomes["02.wav"].error
    assert sum(o.status == "done" for o in outcomes.values()) == 19
