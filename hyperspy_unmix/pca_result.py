"""What `hyperspy_unmix.pca` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from . import summary
from .inputs import check_n_components, check_random_state
from .numerics.noise import Floats
from .numerics.pca import LowRank, Scree
from .numerics.physics import Corrected, correct
from .numerics.rank import LARGEST_AUTOMATIC, choose_rank, elbow
from .numerics.scattering import inverse_kernels, remove_scattering_from
from .preparation import Prepared
from .settings import Choice, FrozenSettings
from .wrapping import as_image, as_maps, as_spectra, to_channels, to_pixels

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from .unmixing import Unmixing

MOST_PHYSICS_COMPONENTS = 2 * LARGEST_AUTOMATIC


@dataclass(frozen=True)
class ComponentCount:
    """How many components the counts support.

    Parameters
    ----------
    noise_edge : int
        Components of the counts as recorded above the noise edge.
    after_physics : int
        Components above noise and model error once background and plural scattering are out.
    elbow : int
        Last component before the bend of the log scree.
    consensus : int
        Components to unmix. Zero: no structure above the noise.
    reason : str
    """

    noise_edge: int
    after_physics: int
    elbow: int
    consensus: int
    reason: str


@dataclass(frozen=True, eq=False)
class PCA:
    """Weighted PCA of a spectrum image, its background and plural scattering taken out.

    Parameters
    ----------
    n_components : int
        Number that `ica` unmixes unless told otherwise.
    count : ComponentCount
        What the data say about that number.
    settings : mapping
        Every choice made, and why.
    """

    n_components: int
    count: ComponentCount
    settings: Mapping[str, Choice]
    prepared: Prepared = field(repr=False)
    raw: LowRank = field(repr=False)
    corrected: Corrected = field(repr=False)
    _scree: Scree = field(repr=False)

    @classmethod
    def build(cls, prepared: Prepared, raw: LowRank, scree: Scree, asked: int | None) -> PCA:
        """Take the physics out of compressed counts, count the components, put it on record."""
        above = min(scree.above_noise_edge, MOST_PHYSICS_COMPONENTS)
        corrected = _correct(prepared, raw, scree.edge, max(asked or 0, above, 1))
        physics = prepared.window.found or prepared.dual is not None
        stage = "above the noise edge"
        if physics:
            removed = [
                *(["background"] if prepared.window.found else []),
                *(["plural scattering"] if prepared.dual is not None else []),
            ]
            stage = f"after taking out {' and '.join(removed)} ({scree.above_noise_edge} before)"
        n_pixels, n_channels = prepared.image.blocks.shape
        chosen = choose_rank(corrected.values, n_pixels, n_channels, stage)
        after = int(np.sum(corrected.values > 1))
        count = ComponentCount(
            scree.above_noise_edge,
            after if physics else scree.above_noise_edge,
            elbow(scree.values),
            chosen.number,
            chosen.reason,
        )
        n = max(chosen.number, 1) if asked is None else asked
        reason = chosen.reason if asked is None else f"asked for; the data say: {chosen.reason}"
        if asked is None and chosen.number == 0:
            reason += "; the mean spectrum was taken"
        settings = {"n_components": Choice(n, reason), **prepared.settings}
        settings["noise edge"] = Choice(
            scree.above_noise_edge, "components of the counts as recorded above the noise edge"
        )
        if corrected.background is not None:
            fit = corrected.background
            words = ", ".join(f"{r:.2f}" for r in fit.exponents)
            good = "within its noise" if fit.misfit <= 1 else f"not within noise ({fit.misfit:.2g})"
            settings["background exponents"] = Choice(
                fit.exponents, f"power law E^-r, r = {words}; describes the window {good}"
            )
        return cls(n, count, FrozenSettings(settings), prepared, raw, corrected, scree)

    @property
    def above_noise_edge(self) -> int:
        """Components of the counts as recorded above the noise edge."""
        return self._scree.above_noise_edge

    @property
    def scree_values(self) -> Floats:
        """Squared singular values of the counts as recorded, in units of the noise edge."""
        return self._scree.values

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
        kept = self.corrected.spectra.truncate(self.n_components)
        return as_spectra(self.prepared.image, kept.components, "principal components")

    @property
    def scores(self) -> BaseSignal:
        """Maps of the principal components, (component | x, y)."""
        kept = self.corrected.spectra.truncate(self.n_components)
        return as_maps(self.prepared.image, kept.scores, "scores", "Score")

    def ica(self, n_components: int | None = None, *, random_state: int = 0) -> Unmixing:
        """Unmix by independent component analysis of the differenced spectra.

        Parameters
        ----------
        n_components : int, optional
            Default `PCA.n_components`. At most the components kept.
        random_state : int
            Of the restarts.

        Returns
        -------
        Unmixing

        Raises
        ------
        TypeError, ValueError
            If the number is not a number, or more than were kept.
        """
        random_state = check_random_state(random_state)
        n, corrected, settings = self.n_components, self.corrected, dict(self.settings)
        if n_components is not None:
            asked = check_n_components(n_components, self.prepared.image.blocks)
            n = self.n_components if asked is None else asked
            if n > self.raw.rank:
                raise ValueError(
                    f"n_components={n}, but this PCA kept {self.raw.rank}: call "
                    f"pca(n_components={n}) for more."
                )
            if n > corrected.spectra.rank:
                corrected = _correct(self.prepared, self.raw, self._scree.edge, n)
            settings["n_components"] = Choice(n, f"asked for; the data say: {self.count.reason}")
        from .unmixing import separate_components

        return separate_components(self, corrected.spectra.truncate(n), settings, random_state)

    def preprocessed(self) -> BaseSignal:
        """The counts, not denoised, without background and plural scattering."""
        prepared = self.prepared
        image, background = prepared.image, self.corrected.background
        kernel = prepared.kernel
        weights = transforms = None
        if kernel is not None:
            weights, transforms = inverse_kernels(kernel)
            weights = np.broadcast_to(weights, (image.blocks.shape[0], weights.shape[1]))
        else:
            weights = np.zeros((image.blocks.shape[0], 0))
        scores = np.zeros((len(weights), 0))
        components = np.zeros((0, image.blocks.shape[1]))
        if background is not None:
            scores, components = background.background.scores, background.background.components

        def on_block(spectra: Floats, _: Any, scores: Floats, weights: Floats) -> Floats:
            single = spectra - scores @ components
            if kernel is not None:
                single = remove_scattering_from(single, weights, transforms, kernel)
            return single.astype(np.float32)

        rows = np.concatenate(list(image.blocks.map(on_block, scores, weights)))
        data = to_pixels(image, to_channels(image, rows)).astype(np.float32)
        signal_type = str(image.signal.metadata.Signal.signal_type)
        signal = as_image(image, data, "preprocessed", signal_type)
        return signal.as_lazy() if hasattr(image.signal.data, "dask") else signal

    def plot_scree(self, ax: Any = None) -> Any:
        """Scree plot in units of the noise edge; returns the matplotlib axes."""
        from .plotting import plot_scree

        return plot_scree(self, ax)

    def __repr__(self) -> str:
        return summary.text(f"PCA of {summary.name(self.prepared)}", self.settings)

    def _repr_html_(self) -> str:
        return summary.html(f"PCA of {summary.name(self.prepared)}", self.settings)


def _correct(prepared: Prepared, raw: LowRank, edge: float, rank: int) -> Corrected:
    """The physics of the ``rank`` leading components."""
    image, kernel = prepared.image, prepared.kernel
    return correct(raw.truncate(rank), edge, image.energies, prepared.window, kernel)
