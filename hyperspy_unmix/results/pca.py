"""What `hyperspy_unmix.pca` returns: principal components as signals, and what unmixes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal

from hyperspy_unmix import plotting
from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.arguments.checks import NumberOfComponents
from hyperspy_unmix.arguments.code_to_repeat import call
from hyperspy_unmix.arguments.options import Method, SeparationOptions
from hyperspy_unmix.components import forward_model, summary_text
from hyperspy_unmix.components.as_signals import as_maps, as_spectra
from hyperspy_unmix.components.printout import most_important
from hyperspy_unmix.settings import LINE_WIDTH, warn_of

from .copies import CanBeCopied
from .known_components import fitted_to_counts
from .unmixing import Unmixing, unmixed

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


@dataclass(frozen=True, eq=False, repr=False)
class PCA(CanBeCopied, Compressed):  # noqa: D101
    __doc__ = Compressed.__doc__

    @property
    def scree(self) -> BaseSignal:
        """`scree_values` as a signal, (| component)."""
        import hyperspy.api as hs

        signal = hs.signals.Signal1D(self.scree_values)
        axis = signal.axes_manager.signal_axes[0]
        axis.name, axis.offset = "Component", 1
        signal.metadata.General.title = "Scree"
        signal.metadata.Signal.quantity = "Variance (noise edge = 1)"
        return signal

    @property
    def components(self) -> BaseSignal:
        """Spectra of the principal components, (component | energy)."""
        kept = self.principal_components
        return as_spectra(self.prepared.image, kept.components, "principal components")

    @property
    def scores(self) -> BaseSignal:
        """Maps of the principal components, (component | x, y)."""
        kept = self.principal_components
        return as_maps(self.prepared.image, kept.scores, "scores", "Score")

    def ica(
        self,
        n_components: int | NumberOfComponents | None = None,
        *,
        algorithm: Method = "picard",
        refine: Literal["auto"] | None = "auto",
        assume: Literal["auto", "overlap", "pure"] = "auto",
        random_state: int = 0,
        known: Mapping[str, Any] | None = None,
    ) -> Unmixing:
        """Unmix by independent component analysis of the spectral derivative, or pure pixels.

        Parameters
        ----------
        n_components : int or str, optional
            Default `PCA.n_components`; the names are those of `hyperspy_unmix.unmix`. At most the
            components kept.
        algorithm, refine, assume, random_state, known
            As in `hyperspy_unmix.unmix`.

        Returns
        -------
        Unmixing

        Raises
        ------
        TypeError, ValueError
            If an argument does not fit, or the number is more than were kept.
        """
        options = SeparationOptions(algorithm, refine, assume, random_state, known)
        separated, choices = self.separate(n_components, options)
        again = call("ica", n_components=n_components or "auto", **vars(options))
        result = unmixed(self, separated, choices, (*self.calls, again))
        number = {} if n_components is None else {"n_components": n_components}
        result = replace(result, asked=self.asked.updated(**number, **vars(options)))
        result = fitted_to_counts(result)
        warn_of(*result.own_findings)
        return result

    def preprocessed(self) -> BaseSignal:
        """The counts, not denoised, without what was taken out of them; lazy if they are."""
        return forward_model.preprocessed(self)

    def plot_scree(self, ax: Any = None) -> Any:
        """Scree plot in units of the noise edge; returns the matplotlib axes."""
        return plotting.plot_scree(self, ax)

    @property
    def _title(self) -> str:
        return f"PCA of {summary_text.name(self.prepared)}"

    def __repr__(self) -> str:
        s = "s" * (self.n_components != 1)
        number = f"{self.n_components} component{s}: {self.settings['n_components'].reason}"
        shown = wrap(number, LINE_WIDTH)
        shown += [f"! {short}" for short in most_important(self.settings)]
        return "\n".join([self._title, *shown, "all choices: p.settings"])

    def _repr_html_(self) -> str:
        return summary_text.html(self._title, self.settings)
