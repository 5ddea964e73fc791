"""The cost of a model's tokens, the limits of the machine, and the share of them that a run reaches."""

from litz.measure.limits import Limits, limits
from litz.measure.speed import Runner, fresh
from litz.measure.work import Work, work_of

__all__ = ["Limits", "Runner", "Work", "fresh", "limits", "work_of"]
