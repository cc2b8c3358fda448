"""The command that opens the studio, and the files of its page."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

import diffFx_pytorch

STATIC = Path(diffFx_pytorch.__file__).parent / "studio" / "static"
WAIT = 60


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="ends by a signal")
def test_the_command_serves_its_folder_and_remembers(home):
    pytest.importorskip("uvicorn", reason="the extra studio is not installed")
    command = [sys.executable, "-m", "diffFx_pytorch.cli", "studio", str(home / "tone.wav"), "-c", "bass"]
    process = subprocess.Popen([*command, "--no-browser", "--port", "0"], stderr=subprocess.PIPE, text=True)
    try:
        line = process.stderr.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/", line).group()
        with urllib.request.urlopen(f"{url}api/state", timeout=WAIT) as answer:
            state = json.loads(answer.read())
        assert state["source"]["name"] == "tone.wav"
        assert state["nodes"]
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=WAIT)
        finally:
            process.kill()
    assert json.loads((home / ".difffx-studio" / "session.json").read_text())["slots"]["A"]


def test_another_address_makes_up_a_token(monkeypatch, session):
    serving = pytest.importorskip("diffFx_pytorch.studio.serving", reason="the extra studio is not installed")
    urls = []
    monkeypatch.setattr(serving.uvicorn.Server, "run", lambda self, sockets: None)
    serving.serve(session, "0.0.0.0", 0, needs_token=True, ready=urls.append)
    serving.serve(session, "127.0.0.1", 0, ready=urls.append)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", urls[0])
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", urls[1])


def test_files_of_the_page_are_short_and_ask_nobody_else():
    for path in STATIC.iterdir():
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 400, path
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text), path
