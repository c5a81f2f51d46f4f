"""A result as one page: what was done and why, figures, methods to paste, code to repeat it."""

from .page import report

__all__ = ["report"]
