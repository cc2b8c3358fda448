"""``python -m diffFx_pytorch.cli``."""

from .app import main

main()
