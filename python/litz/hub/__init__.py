"""Where models come from: a folder, a file, `owner/name` on the Hub, `pypi:PACKAGE==VERSION/path` in a package.

What is complete on this machine is used without opening a socket; nothing that comes from a model is ever executed.
"""

from .cache import CachedModel, cached, remove
from .default import DEFAULT_MODEL
from .files import ModelFiles
from .resolution import resolve

__all__ = ["DEFAULT_MODEL", "CachedModel", "ModelFiles", "cached", "remove", "resolve"]
