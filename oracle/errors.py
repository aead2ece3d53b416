"""Errors of the oracle: each says what was wrong, where, what would be right, and whether trying again makes sense."""

from __future__ import annotations

from typing import ClassVar

from chemspace.errors import SpinscreenError

__all__ = ["ConvergenceError", "DescriptorError", "EngineError", "EngineMissingError"]


class OracleError(SpinscreenError):
    """Anything the oracle cannot compute or keep."""

    #: True where the same request may succeed later or elsewhere.
    retry: ClassVar[bool] = False


class ProtocolError(OracleError):
    """A protocol that no engine can follow."""


class InputError(OracleError):
    """A molecule or geometry that the engines would accept silently and answer wrongly."""


class DescriptorError(OracleError):
    """A descriptor that nothing registered, that is named twice, or whose function fails."""


class ConformerError(OracleError):
    """A molecule for which no three-dimensional start geometry was found."""


class EngineError(OracleError):
    """An engine that answered with an error."""


class EngineMissingError(EngineError):
    """An engine that is not installed here; the message says how to install it."""

    retry = True


class ConvergenceError(EngineError):
    """A self-consistent field or an optimisation that did not converge."""


class BondsChangedError(OracleError):
    """A molecule whose bonds differ after the optimisation: the numbers would be another ion's."""


class WorkerCrashError(OracleError):
    """A worker process that died (signal or exit) while it computed this cation."""

    retry = True


class TimeLimitError(OracleError):
    """A cation that took longer than its time limit."""

    retry = True


class MemoryLimitError(OracleError):
    """A cation that needed more memory than its limit."""

    retry = True


class StoreError(OracleError):
    """A result store that cannot be read or written."""


class StoreCorruptError(StoreError):
    """A file that is not a result store, or a damaged one."""


class StoreSchemaError(StoreError):
    """A store written by a newer spinscreen."""


class StoreFullError(StoreError):
    """A store that cannot grow because the disk is full."""

    retry = True
