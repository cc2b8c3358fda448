"""torch.library operators and the public functions over them."""

from .closed_loop import closed_loop
from .delay_response import delay_response
from .loop_impulse import loop_impulse
from .solve import solve
from .sos_response import sos_at, sos_response

__all__ = ["closed_loop", "delay_response", "loop_impulse", "solve", "sos_at", "sos_response"]
