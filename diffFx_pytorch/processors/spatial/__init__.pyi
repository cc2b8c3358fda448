from diffFx_pytorch.processors import MonoMaker as MonoMaker
from diffFx_pytorch.processors import StereoEnhancer as StereoEnhancer
from diffFx_pytorch.processors import StereoImager as StereoImager
from diffFx_pytorch.processors import StereoPanning as StereoPanning
from diffFx_pytorch.processors import StereoWidener as StereoWidener
