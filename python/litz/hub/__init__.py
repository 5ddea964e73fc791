"""Where models come from: a folder, a file, a short name, `owner/name` on the Hub, `pypi:PACKAGE==VERSION/path`.

What is complete on this machine is used without opening a socket; nothing that comes from a model is ever executed.
"""

from litz.hub.cache import CachedModel, cached
from litz.hub.files import ModelFiles
from litz.hub.known import DEFAULT_MODEL, known_source
from litz.hub.removal import remove
from litz.hub.resolution import resolve

__all__ = ["DEFAULT_MODEL", "CachedModel", "ModelFiles", "cached", "known_source", "remove", "resolve"]
