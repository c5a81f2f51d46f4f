"""The choices of an unmixing as traits, and the result that follows them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import traits.api as t

from hyperspy_unmix.arguments.options import read_options
from hyperspy_unmix.results.pca import PCA
from hyperspy_unmix.results.unmixing import Unmixing
from hyperspy_unmix.settings import cautions_in

from .carry_names import kept_names
from .history import History, Step

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

MOST_COMPONENTS = 20  # that can be asked for
REMEMBERED = (
    *("n_components", "subtracts_background", "background_start", "background_end"),
    *("assume", "known"),
)
_logger = logging.getLogger(__name__)


class OpenChoices(t.HasTraits):
    """Choices as traits: set one, and ``result`` is new. See `UnmixTool`."""

    # A range with integer ends holds integers, which the types of traits do not tell.
    n_components: int = t.Range(1, "most", 1)  # type: ignore[assignment]
    most = t.Int(MOST_COMPONENTS)
    subtracts_background = t.Bool(False, label="Subtract background")
    background_start = t.Float()
    background_end = t.Float()
    assume = t.Enum("auto", "overlap", "pure")
    component: int = t.Range(0, "_last", 0)  # type: ignore[assignment]
    name = t.Str()
    region = t.Any()
    pure_name = t.Str("pure")
    view = t.Tuple(t.Float(), t.Float())
    known: dict[str, Any] = t.Dict()  # type: ignore[assignment]
    result = t.Any()
    message = t.Str()
    file = t.Str("unmixed.hspy")
    applied = t.Bool(False)
    _last = t.Property(t.Int, observe="result")

    def __init__(
        self,
        signal: BaseSignal,
        n_components: Any,
        how: dict[str, Any],
        given: dict[str, Any],
        store: bool,
    ) -> None:
        super().__init__()
        self._signal, self._how, self._store = signal, how, store
        self._given, self._history = given, History()
        self._quiet = True
        self.known = dict(how.get("known") or {})
        options = read_options("unmix", given)
        self._background_type, self._background = options.background_type, options.background
        whole = replace(options, background=None)
        self.whole = PCA.of_signal(signal, "auto", whole, only_stable=False)
        self._pca = self.whole.with_background(self._background, self._background_type)
        self._window = self._window_found()
        result = self._pca.ica(None if n_components == "auto" else n_components, **how)
        self.most = max(min(self.whole.recorded.rank, MOST_COMPONENTS), result.n_components)
        self.assume, self.n_components = how["assume"], result.n_components
        self.background_start, self.background_end = self._shown_window()
        self.subtracts_background = self._pca.prepared.window.found
        energies = self.whole.prepared.image.energies
        self.view = float(energies.min()), float(energies.max())
        self._show(result)
        self._remember()
        self._quiet = False

    # -------------------------------------------------------------------------------- choices

    def set_background(self, start: float, end: float) -> None:
        """Fit the background between ``start`` and ``end``, in the units of the axis."""
        self._changing(
            lambda: self.trait_set(
                background_start=start, background_end=end, subtracts_background=True
            )
        )
        self._subtract((start, end))

    def call_pure(self, name: str | None = None, region: Any = None) -> None:
        """Hold the mean of a region as one component, and unmix the others beside it.

        Parameters
        ----------
        name : str, optional
            Name of the component; one of the same name is replaced. Default: ``pure_name``.
        region : any, optional
            What `hyperspy_unmix.unmix` takes as known: (left, top, right, bottom) in pixels, a
            HyperSpy ROI, a mask, a spectrum. Default: the ``region`` that was drawn.
        """
        region = self.region if region is None else region
        if region is None:
            self.message = "No region is drawn: drag over a map, or set tool.region."
            return
        self._know(self.known | {name or self.pure_name: region})

    def forget(self, name: str | None = None) -> None:
        """Unmix without what is known by this name; default: the one that was added last."""
        if name is None and self.known:
            name = list(self.known)[-1]
        if name not in self.known:
            self.message = (
                f"Nothing is known as {name!r}; known: {', '.join(self.known) or 'nothing'}."
            )
            return
        names = [str(i) if own == name else own for i, own in enumerate(self.result.names)]
        # The name goes with what was known.
        self._know({key: known for key, known in self.known.items() if key != name}, names)

    def flip(self) -> None:
        """Turn the signs of the selected component's spectrum and map."""
        self._try(lambda: self._show(self.result.reverse(self.component)))

    # -------------------------------------------------------------------------------- changes

    @t.observe("background_start, background_end, subtracts_background")
    def _window_changed(self, event: Any) -> None:
        if self._quiet:
            return
        window = self.background_start, self.background_end
        if event.name == "subtracts_background" and self._window is not None:
            # There may have been several windows.
            window = self._window
        self._subtract(window if self.subtracts_background else None)

    @t.observe("n_components, assume")
    def _number_changed(self, event: Any) -> None:
        if not self._quiet:
            self._try(lambda: self._show(self._unmixed(self._pca, self.result)))

    @t.observe("component")
    def _component_changed(self, event: Any) -> None:
        self._changing(lambda: self.trait_set(name=self.result.names[self.component]))

    @t.observe("name")
    def _name_changed(self, event: Any) -> None:
        if self._quiet:
            return
        names = list(self.result.names)
        names[self.component] = event.new
        self._try(lambda: self._show(self.result.rename(names)))

    def _know(self, known: dict[str, Any], names: list[str] | None = None) -> None:
        """With this known; as before where that is not possible."""
        before, self.known = self.known, known
        result = self.result

        def change() -> None:
            named = self.result if names is None else self.result.rename(names)
            self._show(self._unmixed(self._pca, named))

        self._try(change)
        if self.result is result:
            self.known = before

    def _subtract(self, window: Any) -> None:
        """Background and all that follows, in compressed form."""

        def change() -> None:
            pca = self.whole.with_background(window, self._background_type, count=self._pca.count)
            result = self._unmixed(pca, self.result)
            self._background = window
            self._window = window if window is not None else self._window
            self._pca = pca
            self._show(result)

        self._try(change)

    def _unmixed(self, pca: PCA, before: Unmixing) -> Unmixing:
        """With the names and signs that the same components had before."""
        return kept_names(before, pca.ica(self.n_components, **self._chosen()))

    def _chosen(self) -> dict[str, Any]:
        """What decides how it is unmixed."""
        return self._how | {"assume": self.assume, "known": dict(self.known) or None}

    def _options(self) -> dict[str, Any]:
        """What decides how it is prepared."""
        return self._given | {"background": self._background}

    def _window_found(self) -> Any:
        """Window or windows of the result; None where nothing is subtracted."""
        windows = self._pca.prepared.background.ranges
        if not windows:
            return None
        return windows if len(windows) > 1 else windows[0]

    def _shown_window(self) -> tuple[float, float]:
        """The window, or where there is none the first tenth of the range."""
        if self._window is not None:
            return float(np.min(self._window)), float(np.max(self._window))
        energies = self.whole.prepared.image.energies
        low, high = float(energies.min()), float(energies.max())
        return low, low + (high - low) / 10

    def _show(self, result: Unmixing) -> None:
        def change() -> None:
            self.component = min(self.component, result.n_components - 1)
            self.result, self.applied = result, False
            self.name = result.names[self.component]

        self._changing(change)
        warnings = [choice.reason for choice in cautions_in(result.settings).values()]
        self.message = "\n".join([result.settings["n_components"].reason, *warnings])

    def _changing(self, change: Callable[[], Any]) -> None:
        """Change traits without what follows from a user's change."""
        was_quiet, self._quiet = self._quiet, True
        try:
            change()
        finally:
            self._quiet = was_quiet

    def _try(self, change: Callable[[], None]) -> None:
        """Do it, or say why not and stay with the last result."""
        try:
            change()
        except (TypeError, ValueError, OSError) as error:
            self.message = str(error)
            _logger.warning("%s", error)
            return
        self._remember()

    def _remember(self) -> None:
        traits = self.trait_get(*REMEMBERED) | {"known": dict(self.known)}
        step = Step(traits, self._pca, self.result, self._background, self._window)
        self._history.add(step)

    def _restore(self, step: Step) -> None:
        self._pca, self._background, self._window = step.pca, step.background, step.window
        self._changing(lambda: self.trait_set(**step.traits))
        self._show(step.result)

    def _get__last(self) -> int:
        return 0 if self.result is None else self.result.n_components - 1
