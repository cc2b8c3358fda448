"""A rack of effects in the browser: a session that knows nothing of HTTP, a server around it, and a page."""

from .folder import Folder
from .session import Session

__all__ = ["Folder", "Session"]
