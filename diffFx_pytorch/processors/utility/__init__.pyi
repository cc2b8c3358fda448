from diffFx_pytorch.processors.utility.dc_blocker import DCBlocker
from diffFx_pytorch.processors.utility.dither import Dither
from diffFx_pytorch.processors.utility.fade import Fade
from diffFx_pytorch.processors.utility.gain import Gain
from diffFx_pytorch.processors.utility.invert import Invert

__all__ = [
    "DCBlocker",
    "Dither",
    "Fade",
    "Gain",
    "Invert",
]
