"""What a sound file declares, compared with what is there."""

from __future__ import annotations

from dataclasses import dataclass, field

CUT, DAMAGED = "is cut short", "is damaged"


@dataclass
class Extent:
    """The result of comparing a sound file's header with its content.

    Args:
        declared: seconds declared, where they are not there.
        present: seconds that are there of them.
        problem: what is wrong, for a file that must not be read; empty otherwise.
        notice: what was put right or left out, for the listener.
        patches: bytes by place that stand for those of the file while it is decoded.
        end: place in the file where it ends for the decoder; None for all of it.
        mask: where the channels stand, as a WAVEFORMATEXTENSIBLE mask; None if the file does not say.
    """

    declared: float | None = None
    present: float | None = None
    problem: str = ""
    notice: str = ""
    patches: dict[int, bytes] = field(default_factory=dict)
    end: int | None = None
    mask: int | None = None

    @property
    def error(self) -> str:
        """What is wrong and where, as the end of a sentence about the file; empty if nothing is."""
        if not self.problem or self.present is None:
            return self.problem
        if self.problem == DAMAGED:
            return f"{DAMAGED} at {self.present:.3f} s"
        whole = f" of the {self.declared:.3f} s it declares" if self.declared else ""
        return f"{self.problem}: ends at {self.present:.3f} s{whole}"
