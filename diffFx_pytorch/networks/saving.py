"""A trained controller in a folder, with the chain that it turns."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from torch import nn

from ..presets import dump_chain, load_chain
from ..processor import Processor
from ..render.atomic import replacing
from ..routing import Chain
from .controller import Controlled, Controller
from .frame_encoder import FrameEncoder
from .head import differences
from .sound_encoder import ForeignEncoder, SoundEncoder

CHAIN, CONFIG, WEIGHTS = "chain.yaml", "config.json", "model.safetensors"
_VERSION = 1


def save_controlled(folder: str | os.PathLike[str], device: Controlled, about: str = "") -> None:
    """Write an effect and its controller: ``chain.yaml``, ``config.json`` and ``model.safetensors``.

    Args:
        folder: made where it is not there; files in it of these names are replaced.
        device: whose effect is a ``Chain`` that a chain file can hold.
        about: what it does, a sentence.

    Raises:
        ValueError: for an effect that is no ``Chain``, or one that a chain file cannot hold.
        ImportError: without safetensors.
    """
    from safetensors.torch import save

    if not isinstance(device.fx, Chain):
        raise ValueError(f"save_controlled: {type(device.fx).__name__} is no chain; build Chain(...) of it")
    controller, folder = device.controller, Path(folder)
    encoder = controller.encoder
    if isinstance(encoder, ForeignEncoder):
        said: dict[str, Any] = {"foreign": type(encoder.module).__name__}
    else:
        said = {} if encoder is None else {"class": type(encoder).__name__, **encoder.options}
    if isinstance(encoder, FrameEncoder) and not encoder.restorable:
        said = {"foreign": "FrameEncoder"}
    config = {"version": _VERSION, "sample_rate": device.fx.sample_rate, "encoder": said, **controller.options}
    texts = {CHAIN: dump_chain(device.fx, about=about), CONFIG: json.dumps(config, indent=1) + "\n"}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        with replacing(folder / name) as part:
            part.write_text(text, encoding="utf-8")
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in controller.state_dict().items()}
    with replacing(folder / WEIGHTS) as part:
        part.write_bytes(save(weights, metadata={"format": "pt"}))


def load_controlled(
    folder: str | os.PathLike[str], fx: Processor | None = None, encoder: nn.Module | None = None
) -> Controlled:
    """Read what ``save_controlled`` wrote.

    Args:
        folder: with the three files.
        fx: the chain to turn, in place of the one in the folder; its knobs and ranges must be those that the controller
            was trained for.
        encoder: where it was an encoder of your own, one like it; its weights are read too.

    Raises:
        ValueError: for another chain, naming what differs; for an encoder of the user's own that is not given.
        OSError: where a file is missing.
        ImportError: without safetensors.
    """
    from safetensors.torch import load_file

    folder = Path(folder)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if config.pop("version") != _VERSION:
        raise ValueError(f"{folder / CONFIG}: a version that this release does not read; it reads {_VERSION}")
    rate, said = config.pop("sample_rate"), config.pop("encoder")
    trained, _ = load_chain(folder / CHAIN, rate).build(rate)
    if fx is not None:
        tables = [{name: (p.min_val, p.max_val, p.curve) for name, p in c.params.items()} for c in (trained, fx)]
        if wrong := differences(tables[0], tables[1]):
            raise ValueError(f"{folder} is of another chain: {'; '.join(wrong)}")
    if "foreign" in said and encoder is None:
        raise ValueError(f"{folder} was trained with an encoder {said['foreign']}; give load_controlled(encoder=) one")
    built: Any = encoder
    if "class" in said:
        kinds = {"SoundEncoder": SoundEncoder, "FrameEncoder": FrameEncoder}
        built = kinds[said.pop("class")](**said)
    chain = trained if fx is None else fx
    controller = Controller(chain, built, **config)
    controller.load_state_dict(load_file(folder / WEIGHTS))
    return Controlled(chain, controller)
