from diffFx_pytorch.processors import DCBlocker as DCBlocker
from diffFx_pytorch.processors import Dither as Dither
from diffFx_pytorch.processors import Fade as Fade
from diffFx_pytorch.processors import Gain as Gain
from diffFx_pytorch.processors import Invert as Invert
from diffFx_pytorch.processors import Meter as Meter
