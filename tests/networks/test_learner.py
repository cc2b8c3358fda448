"""Training with Lightning: it learns, is logged, goes on where it stopped, and runs in two processes."""

import csv
import logging
import os
import subprocess
import sys
import warnings

import pytest
import torch
from torch.utils.data import DataLoader

pytest.importorskip("lightning", reason="the extra train is not installed")
pytest.importorskip("tensorboard", reason="the extra train is not installed")

from diffFx_pytorch import Chain, Gain, LowShelf
from diffFx_pytorch.fit import ErrorToSignalRatio
from diffFx_pytorch.networks import ControlLearner, Controlled, Controller, RandomEffects, SettingsPrior, SoundEncoder

RATE = 16000


@pytest.fixture(autouse=True)
def _quiet():
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def loaders(tmp_path_factory):
    import soundfile

    place = tmp_path_factory.mktemp("sounds")
    generator = torch.Generator().manual_seed(0)
    soundfile.write(place / "noise.wav", 0.1 * torch.randn(3 * RATE, generator=generator).numpy(), RATE)
    return [DataLoader(RandomEffects(chain(), place, seconds=0.25, items=n, seed=s), 8) for n, s in ((64, 0), (16, 1))]


def chain():
    return Chain(shelf=LowShelf(RATE), gain=Gain(RATE))


def learner(**options):
    torch.manual_seed(0)
    fx = chain()
    encoder = SoundEncoder(RATE, "statistics", features=32, bands=16, n_fft=512)
    device = Controlled(fx, Controller(fx, encoder, free=["gain.gain_db", "shelf.gain_db"]))
    return ControlLearner(device, ErrorToSignalRatio(), learning_rate=5e-3, **options)


def trainer(folder, epochs, **options):
    from lightning.pytorch import Trainer
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

    loggers = [CSVLogger(folder, "csv"), TensorBoardLogger(folder, "board")]
    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        default_root_dir=folder,
        logger=loggers,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


def rows(folder):
    with next(folder.glob("csv/**/metrics.csv")).open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_it_learns_logs_and_goes_on_from_a_checkpoint(loaders, tmp_path):
    from lightning.pytorch.callbacks import ModelCheckpoint
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    keep = ModelCheckpoint(tmp_path / "kept", monitor="validation/loss", save_last=True)
    whole = learner(settings_weight=1.0, prior=SettingsPrior(chain()), prior_weight=1e-3)
    trainer(tmp_path / "whole", 4, callbacks=[keep]).fit(whole, *loaders)
    logged = rows(tmp_path / "whole")
    errors = [float(row["knob/gain.gain_db"]) for row in logged if row.get("knob/gain.gain_db")]
    assert errors[-1] < 0.6 * errors[0]
    assert {"train/loss", "train/settings", "train/prior", "train/ErrorToSignalRatio"} <= set(logged[0])
    board = EventAccumulator(str(next((tmp_path / "whole").glob("board/*"))), {"audio": 0, "images": 0}).Reload()
    assert {"dry/0", "target/1", "predicted/0"} <= set(board.Tags()["audio"])
    if "matplotlib" in sys.modules:
        assert "curve/shelf" in board.Tags()["images"]

    half = learner(settings_weight=1.0, prior=SettingsPrior(chain()), prior_weight=1e-3)
    first = trainer(tmp_path / "half", 2)
    first.fit(half, *loaders)
    first.save_checkpoint(tmp_path / "half.ckpt")
    rest = learner(settings_weight=1.0, prior=SettingsPrior(chain()), prior_weight=1e-3)
    trainer(tmp_path / "rest", 4).fit(rest, *loaders, ckpt_path=tmp_path / "half.ckpt")
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(rest.state_dict()[name], value, msg=name)


def test_a_batch_without_what_is_needed_is_refused():
    fx = chain()
    batch = {"dry": torch.randn(2, 1, 4000), "wet": torch.randn(2, 1, 4000)}
    with pytest.raises(ValueError, match="takes reference, which the batch has not"):
        ControlLearner(Controlled(fx, Controller(fx, reference=True)), ErrorToSignalRatio())(batch)
    with pytest.raises(ValueError, match="needs norm_params"):
        ControlLearner(Controlled(fx, Controller(fx)), ErrorToSignalRatio(), settings_weight=1.0)._loss(batch, "train")


SCRIPT = """
import sys, torch, torch.distributed
sys.path.insert(0, sys.argv[1])
from tests.networks.test_learner import learner, trainer, chain, RATE
from diffFx_pytorch.networks import RandomEffects
from torch.utils.data import DataLoader
import pathlib
if __name__ == "__main__":
    torch.set_num_threads(1)
    data = RandomEffects(chain(), sys.argv[2], seconds=0.25, items=16)
    model, work = learner(settings_weight=1.0), trainer(pathlib.Path(sys.argv[3]), 1, devices=2, strategy="ddp")
    work.fit(model, DataLoader(data, 4), DataLoader(data, 4))
    flat = torch.cat([p.detach().flatten() for p in model.parameters()])
    both = [torch.zeros_like(flat) for _ in range(2)]
    torch.distributed.all_gather(both, flat)
    assert torch.equal(*both), "the processes have different weights"
    print("alike", work.world_size)
"""


@pytest.mark.thorough
def test_two_processes_train_one_controller(tmp_path):
    import pathlib

    import soundfile

    (tmp_path / "sounds").mkdir()
    soundfile.write(tmp_path / "sounds" / "noise.wav", 0.1 * torch.randn(RATE).numpy(), RATE)
    script = tmp_path / "two.py"
    script.write_text(SCRIPT)
    root = pathlib.Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, script, str(root), tmp_path / "sounds", tmp_path / "logs"],
        capture_output=True,
        text=True,
        timeout=400,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "alike 2" in done.stdout
