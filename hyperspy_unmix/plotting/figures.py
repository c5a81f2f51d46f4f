"""Figures that notebooks show once."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from matplotlib.figure import Figure

# TrueType instead of Type 3 fonts, which journals refuse and editors cannot change.
TEXT_AS_TEXT: Any = {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "none"}


class ShownOnce(Figure):
    """A figure that is returned and shown: notebooks would show it as the cell's value too.

    In vector files its text stays text, which an editor can change.
    """

    def savefig(self, fname: Any, **options: Any) -> None:
        """Write the figure, as matplotlib's figures do."""
        import matplotlib

        with matplotlib.rc_context(TEXT_AS_TEXT):
            super().savefig(fname, **options)

    def _ipython_display_(self) -> None:
        import matplotlib.pyplot as plt
        from IPython.display import Image, display

        is_open = self.number in plt.get_fignums()
        if is_open and is_live():
            return
        buffer = BytesIO()
        self.savefig(buffer, format="png")
        display(Image(buffer.getvalue()))
        if is_open:
            # Else it would be shown again at the end of the cell.
            plt.close(self)


def is_live() -> bool:
    """Whether figures answer to the mouse: a window, or ipympl in a notebook."""
    import matplotlib

    backend = matplotlib.get_backend().lower()
    still_backends = {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template", "inline"}
    return backend not in still_backends and not backend.endswith("backend_inline")


def new_figure(*grid: int, **options: Any) -> Any:
    """A figure of pyplot; with ``grid`` (rows, columns) and its axes, as ``pyplot.subplots``."""
    import matplotlib.pyplot as plt

    all_options: dict[str, Any] = {"FigureClass": ShownOnce, "layout": "constrained"} | options
    return plt.subplots(*grid, **all_options) if grid else plt.figure(**all_options)
