"""What every effect has to be looked at: its views, and a figure of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch

from ..control import Knobs
from ..sound import Sound
from ..stream import undisturbed
from .choice import views_of
from .drawing import draw_view, figure_of
from .palette import Theme
from .subject import Subject
from .view import View

if TYPE_CHECKING:
    from ..curve import Curve


class Drawn:
    """Base of what can be drawn; a ``Processor`` is."""

    if TYPE_CHECKING:

        def _device(self) -> torch.device: ...
        def _setting(
            self, norm_params: Knobs | None, dsp_params: Knobs | None
        ) -> tuple[dict[str, float], Curve | None]:
            """Every knob in its unit, for the first item and point, and the effect's own curve there."""
            ...

    def views(
        self, *, norm_params: Knobs | None = None, dsp_params: Knobs | None = None, x: Sound | None = None
    ) -> list[View]:
        """What the effect does at a setting, as pictures that nothing has drawn yet.

        They are measured, and chosen by what the effect claims, which knobs it has, and what comes out of it: filters
        give magnitude and phase, delays their echoes, reverbs decay and echo density, what moves its oscillator and
        response over time, dynamics their curve and the gain over time, distortion its transfer and harmonics, stereo
        effects goniometers and correlation. See ``views.mechanism``.

        Args:
            norm_params: as for ``forward``, of which the first item and the first point count.
            dsp_params: as for ``forward``, likewise.
            x: (C, T) or (T,), the sound that level, image and spectra are measured with; None takes one made for it.
        """
        with torch.no_grad(), undisturbed(self._device()):
            settings, curve = self._setting(norm_params, dsp_params)
            sound = None if x is None else torch.atleast_2d(torch.as_tensor(x)).double()
            return views_of(Subject(cast(Any, self), settings, curve, self._device(), sound))

    def plot(
        self,
        *,
        norm_params: Knobs | None = None,
        dsp_params: Knobs | None = None,
        x: Sound | None = None,
        ax: Any = None,
        theme: Theme | None = None,
    ) -> Any:
        """Draw what the effect does at a setting (needs matplotlib) and return the figure.

        Args:
            norm_params: as for ``views``.
            dsp_params: as for ``views``.
            x: as for ``views``.
            ax: axes that the first of the ``views`` is drawn on; None makes a figure of all.
            theme: "light" or "dark"; None takes that of matplotlib's settings.

        Raises:
            ImportError: without matplotlib, with the command that installs it.
        """
        views = self.views(norm_params=norm_params, dsp_params=dsp_params, x=x)
        if ax is not None:
            return draw_view(views[0], ax, theme).figure
        return figure_of(views, type(self).__name__, theme)
