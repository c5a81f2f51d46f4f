"""Choose the background window and the number of components while looking at the result."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperspy.ui_registry import add_gui_method

from hyperspy_unmix.arguments.code_to_repeat import code
from hyperspy_unmix.plotting.figures import is_live
from hyperspy_unmix.results.one_signal import code_of_one, unmix_one

from .carry_names import kept_names
from .open_choices import OpenChoices
from .saving import save, with_suffix

if TYPE_CHECKING:
    from .figure import UnmixFigure

_logger = logging.getLogger(__name__)


@add_gui_method(toolkey="hyperspy_unmix.unmix")
class UnmixTool(OpenChoices):
    """Unmixing with its choices open: set a trait, and ``result`` is new.

    The counts are compressed once, over the whole range; background, plural scattering and
    unmixing are done again in compressed form whenever a choice changes. Works without any widget:
    ``tool.n_components = 3``, ``tool.set_background(450, 520)``, ``tool.result``.

    Parameters
    ----------
    signal : BaseSignal
    n_components : int or str
        To begin with, as in `hyperspy_unmix.unmix`.
    how : dict
        ``algorithm``, ``refine``, ``assume``, ``random_state``, ``known``.
    given : dict
        The options of the preprocessing.
    store : bool
        Whether `apply` fills ``signal.learning_results``.

    Attributes
    ----------
    n_components : int
    subtracts_background : bool
    background_start, background_end : float
        Window of the background in the units of the axis, see `set_background`.
    assume : "auto", "overlap" or "pure"
    component : int
        The one that ``name`` and `flip` are about.
    name : str
        Of this component; a new name renames it.
    region : tuple of int, optional
        (left, top, right, bottom) in pixels, right and bottom exclusive, drawn on a map.
    pure_name : str
        Name that `call_pure` gives to what the region holds.
    known : dict
        Components that are known, see `hyperspy_unmix.unmix`; changed by `call_pure` and `forget`.
    view : tuple of float
        Energies between which the spectra are shown.
    result : Unmixing
    file : str
        Where `save` saves it.
    message : str
        What was found, or why the last choice was not possible.
    """

    if TYPE_CHECKING:
        gui: Callable[[], Any]  # by `add_gui_method`
    _figure: UnmixFigure | None = None
    _saved: Path | None = None

    def undo(self) -> None:
        """Take the last change back; it costs nothing."""
        if len(self._history) == 0:
            self.message = "There is nothing to undo: this is how the tool opened."
            return
        self._restore(self._history.back())

    def reset(self) -> None:
        """Go back to how the tool opened."""
        self._restore(self._history.first())

    def apply(self) -> None:
        """Unmix once more with these choices, as ``code`` does, and fill ``learning_results``.

        While one chooses, background and plural scattering are taken out of counts that were
        compressed once, over the whole range, and components are not counted again. Names stay.
        """

        def change() -> None:
            result = unmix_one(self._signal, self.n_components, self._chosen(), self._options())
            self._show(kept_names(self.result, result))
            if self._store:
                from hyperspy_unmix.storage.learning_results import store_learning_results

                store_learning_results(self._signal, self.result)
            self.applied = True

        self._try(change)

    @property
    def code(self) -> str:
        """The call of `hyperspy_unmix.unmix` with these choices; with names once it is applied."""
        if self.applied:
            return str(self.result.code)
        return code([code_of_one(self.n_components, self._chosen(), self._options())])

    def save(self, filename: str | Path | None = None) -> None:
        """Save the result; the suffix tells how.

        Parameters
        ----------
        filename : str or Path, optional
            ``.hspy`` or ``.zspy``: all of it, see `Unmixing.save`; ``.html``: the report;
            ``.pdf``, ``.png`` or ``.svg``: the overview. Default: ``file``.
        """
        path = with_suffix(Path(self.file if filename is None else filename))
        if path.is_dir():
            self.message = f"{path} is a folder: the name of a file is needed."
            return
        if path.exists() and path != self._saved:
            self._saved = path
            self.message = f"{path} exists: save once more to overwrite it."
            return
        self._saved = path

        def write() -> None:
            save(self.result, path)
            self.message = f"Saved as {path}."

        self._try(write)

    def display(self) -> None:
        """Show widgets and figure, where there is a notebook or a window to show them in."""
        if not _in_notebook() and not is_live():
            _logger.info("nothing to show widgets in: choose with the attributes of the tool")
            return
        self.shown()
        try:
            self.gui()
        except (ValueError, ImportError, NotImplementedError) as error:
            _logger.warning("no widgets (%s): choose with the attributes of the tool", error)
            if find_spec("hyperspy_gui_ipywidgets") is None:
                _logger.warning(
                    'widgets in a notebook need hyperspy_gui_ipywidgets: pip install "'
                    'hyperspy-unmix[gui-jupyter]", then start the kernel again'
                )

    def shown(self) -> UnmixFigure:
        """The figure that follows the choices; made when first asked for."""
        if self._figure is None:
            from .figure import UnmixFigure

            self._figure = UnmixFigure(self)
        return self._figure

    def __repr__(self) -> str:
        return f"UnmixTool, its result:\n{self.result!r}"


def _in_notebook() -> bool:
    """Whether this runs in a kernel that can show widgets."""
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")
