from diffFx_pytorch.processors.delay.basic_delay import BasicDelay
from diffFx_pytorch.processors.delay.feedback_delay import FeedbackDelay
from diffFx_pytorch.processors.delay.multi_tap_delay import MultiTapDelay
from diffFx_pytorch.processors.delay.ping_pong_delay import PingPongDelay
from diffFx_pytorch.processors.delay.slapback_delay import SlapbackDelay

__all__ = [
    "BasicDelay",
    "FeedbackDelay",
    "MultiTapDelay",
    "PingPongDelay",
    "SlapbackDelay",
]
