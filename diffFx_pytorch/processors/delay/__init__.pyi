from diffFx_pytorch.processors import BasicDelay as BasicDelay
from diffFx_pytorch.processors import DiffusionDelay as DiffusionDelay
from diffFx_pytorch.processors import FeedbackDelay as FeedbackDelay
from diffFx_pytorch.processors import GranularDelay as GranularDelay
from diffFx_pytorch.processors import MultiTapDelay as MultiTapDelay
from diffFx_pytorch.processors import PingPongDelay as PingPongDelay
from diffFx_pytorch.processors import SlapbackDelay as SlapbackDelay
from diffFx_pytorch.processors import TapeDelay as TapeDelay
