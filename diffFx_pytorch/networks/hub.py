"""Trained controllers on Hugging Face's hub, or in a folder as its libraries write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..processor import Processor
from .controller import Controlled, Controller
from .saving import CHAIN, CONFIG, WEIGHTS, load_controlled, save_controlled

try:
    from huggingface_hub import ModelHubMixin, snapshot_download
except ImportError as error:
    raise ImportError("HubControlled needs huggingface_hub: pip install -e '.[train]'") from error


class HubControlled(
    Controlled,
    ModelHubMixin,
    library_name="diffFx_pytorch",
    tags=["audio-effects", "differentiable-dsp"],
    pipeline_tag="audio-to-audio",
):
    """A ``Controlled`` with ``save_pretrained``, ``from_pretrained`` and ``push_to_hub``.

        HubControlled(fx, controller).save_pretrained("my-effect")   # push_to_hub("me/my-effect") uploads it
        device = HubControlled.from_pretrained("my-effect")           # or "me/my-effect"

    The files are those of ``save_controlled``. ``from_pretrained`` takes ``fx=`` and ``encoder=`` as
    ``load_controlled`` does, and refuses a checkpoint of another chain as that does.

    Args:
        fx: the effect, a ``Chain``.
        controller: built for it.
    """

    def __init__(self, fx: Processor, controller: Controller) -> None:
        super().__init__(fx, controller)

    def _save_pretrained(self, save_directory: Path) -> None:
        save_controlled(save_directory, self)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        **model_kwargs: Any,
    ) -> HubControlled:
        folder = model_id
        if not Path(model_id).is_dir():
            folder = snapshot_download(
                model_id,
                revision=revision,
                cache_dir=cache_dir,
                force_download=force_download,
                local_files_only=local_files_only,
                token=token,
                allow_patterns=[CHAIN, CONFIG, WEIGHTS],
            )
        loaded = load_controlled(folder, model_kwargs.get("fx"), model_kwargs.get("encoder"))
        return cls(loaded.fx, loaded.controller)
