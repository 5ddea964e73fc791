"""What a model asks of a machine, what the machine can give, and how near to that a run comes."""

from litz.measure.limits import Limits, limits
from litz.measure.speed import Runner, fresh
from litz.measure.work import Work, work_of

__all__ = ["Limits", "Runner", "Work", "fresh", "limits", "work_of"]
