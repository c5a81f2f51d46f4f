"""The tool behind ``unmix(interactive=True)``: choices changed while the result is looked at."""

from .tool import UnmixTool

__all__ = ["UnmixTool"]
