"""What the stages return: frozen results whose parts are ordinary HyperSpy signals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .dual import RELATIVE
from .inputs import Choice, Settings, check_n_components
from .numerics.ica import derivative, separate
from .numerics.noise import Floats
from .numerics.normalise import Normalised, normalise
from .numerics.pca import LowRank, Scree
from .numerics.physics import Corrected, correct
from .numerics.rank import choose_rank, elbow
from .numerics.scattering import inverse_kernels, remove_scattering_from, scatter
from .wrapping import as_image, as_map, as_maps, as_spectra, low_rank_image, to_pixels

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from .workflow import Prepared

COUNTS = "Counts"
SINGLE = "Single-scattering counts"


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
    def build(
        cls,
        prepared: Prepared,
        raw: LowRank,
        scree: Scree,
        corrected: Corrected,
        asked: int | None,
    ) -> PCA:
        """Count, and put on record."""
        physics = prepared.window.found or prepared.dual is not None
        stage = "after background and plural scattering" if physics else "above the noise edge"
        n_pixels, n_channels = prepared.image.blocks.shape
        chosen = choose_rank(corrected.values[: corrected.spectra.rank], n_pixels, n_channels,
                             stage)
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
        if corrected.background is not None:
            fit = corrected.background
            words = ", ".join(f"{r:.2f}" for r in fit.exponents)
            good = "within its noise" if fit.misfit <= 1 else f"not within noise ({fit.misfit:.2g})"
            settings["background exponents"] = Choice(
                fit.exponents, f"power law E^-r, r = {words}; describes the window {good}"
            )
        return cls(n, count, MappingProxyType(settings), prepared, raw, corrected, scree)

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
                corrected = self._correct(n)
            settings["n_components"] = Choice(n, f"asked for; the data say: {self.count.reason}")
        return _separate(self, corrected.spectra.truncate(n), settings, random_state)

    def _correct(self, rank: int) -> Corrected:
        prepared = self.prepared
        return correct(
            self.raw.truncate(rank),
            self._scree.edge,
            prepared.image.energies,
            prepared.window,
            prepared.kernel,
        )

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
        full = np.zeros((len(rows), image.last - image.first), np.float32)
        full[:, image.masked_channels[image.first : image.last]] = np.nan
        full[:, image.positions] = rows
        signal_type = str(image.signal.metadata.Signal.signal_type)
        signal = as_image(image, to_pixels(image, full).astype(np.float32), "preprocessed",
                          signal_type)
        return signal.as_lazy() if image.blocks.is_lazy else signal

    def plot_scree(self, ax: Any = None) -> Any:
        """Scree plot in units of the noise edge; returns the matplotlib axes."""
        from .plotting import plot_scree

        return plot_scree(self, ax)

    def __repr__(self) -> str:
        return _summary(f"PCA of {_name(self.prepared)}", self.settings)

    def _repr_html_(self) -> str:
        return _html_summary(f"PCA of {_name(self.prepared)}", self.settings)


def _separate(
    pca: PCA, spectra: LowRank, settings: Settings, random_state: int
) -> Unmixing:
    image = pca.prepared.image
    sd = spectra.whitening.channel_sd
    separation = separate(derivative(spectra.components, image.positions, sd), random_state)
    strength = np.sqrt(np.maximum(np.diag(spectra.second_moment()), 1e-300))
    arrays = normalise(
        spectra.scores,
        spectra.components,
        separation.unmixing,
        _widths(image),
        1 / (strength * np.sqrt(len(spectra.scores))),
        sd,
    )
    settings["ica"] = Choice(
        "Picard, tanh",
        "of the first difference of the spectra; likeliest of 5 starts"
        + ("" if separation.converged else "; did NOT converge, look at the result with care"),
    )
    settings["random_state"] = Choice(random_state, "of the starts of the ICA")
    unsure = [str(i) for i, c in enumerate(arrays.confidence) if c < 0.2]
    if unsure:
        settings["sign"] = Choice(unsure, "components whose sign is uncertain")
    flat = [str(i) for i, unit in enumerate(arrays.unit_integral) if not unit]
    if flat:
        settings["scale"] = Choice(
            flat, "components whose integral is not above zero: L2 norm 1 instead of integral 1"
        )
    return Unmixing(len(arrays.spectra), MappingProxyType(settings), pca, arrays)


def _widths(image: Any) -> Floats:
    axis = image.axis
    if axis.is_uniform:
        return np.full(len(image.positions), abs(axis.scale))
    return np.abs(np.gradient(axis.axis))[image.positions]


@dataclass(frozen=True, eq=False)
class Unmixing:
    """Component spectra and maps of a spectrum image.

    Unpacks into ``(spectra, maps)``. Component 0 explains most counts.

    Parameters
    ----------
    n_components : int
    settings : mapping of str to (value, reason)
        Every choice made, the automatic ones included.
    pca : PCA
        What was unmixed.
    arrays : Normalised
        The numbers behind the signals.
    """

    n_components: int
    settings: Mapping[str, Choice]
    pca: PCA = field(repr=False)
    arrays: Normalised = field(repr=False)

    def __iter__(self) -> Iterator[BaseSignal]:
        return iter((self.spectra, self.maps))

    @cached_property
    def spectra(self) -> BaseSignal:
        """(Component | energy), of integral one over the axis, in 1/unit; see ``settings``."""
        return as_spectra(self._image, self.arrays.spectra, "component spectra", "Intensity")

    @cached_property
    def maps(self) -> BaseSignal:
        """(Component | x, y) in counts: ``maps x spectra x channel width`` is the contribution.

        Single-scattering counts where a low loss was used. NaN where masked.
        """
        return as_maps(self._image, self.arrays.maps, "component maps", self._quantity)

    @property
    def spectra_counts(self) -> BaseSignal:
        """Each spectrum times the sum of its map, in counts per channel."""
        total = self.arrays.maps.sum(0)[:, None] * _widths(self._image)
        return as_spectra(
            self._image, self.arrays.spectra * total, "component spectra", self._quantity
        )

    @cached_property
    def fractions(self) -> BaseSignal:
        """Each component's share of the component counts of a pixel; NaN where there are none."""
        counts = self.arrays.maps * (self.arrays.spectra @ _widths(self._image))
        total = counts.sum(1, keepdims=True)
        shares = np.where(total > 0, counts / np.where(total > 0, total, 1), np.nan)
        return as_maps(self._image, shares, "component fractions", "Fraction")

    @cached_property
    def thickness(self) -> BaseSignal | None:
        """Map of t/lambda (or of the thickness given, in its unit); None without a low loss."""
        given, dual = self.pca.prepared.thickness, self.pca.prepared.dual
        if given is not None:
            values, unit = given
            values = values.ravel()[self._image.blocks.pixels]
        elif dual is not None:
            values, unit = dual.t_over_lambda(self._image.blocks.shape[0]), RELATIVE
        else:
            return None
        quantity = "t/λ" if unit == RELATIVE else "thickness (nm)"
        return as_map(self._image, values, "thickness", quantity)

    def model(self, space: Literal["measured", "single_scattering"] = "measured") -> BaseSignal:
        """Sum of the components, over the scan and the analysed range.

        Parameters
        ----------
        space : {"measured", "single_scattering"}
            ``"measured"``: with plural scattering and background, comparable with the counts.
            ``"single_scattering"``: the components alone.
        """
        scores = self.arrays.maps
        components = self.arrays.spectra * _widths(self._image)
        if space == "measured":
            kernel = self.pca.prepared.kernel
            if kernel is not None:
                scores, components = scatter(scores, components, kernel)
            background = self.pca.corrected.background
            if background is not None:
                scores = np.concatenate([scores, background.background.scores], 1)
                components = np.concatenate([components, background.background.components])
        elif space != "single_scattering":
            raise ValueError(f"space={space!r}: 'measured' or 'single_scattering' is needed.")
        data = low_rank_image(self._image, scores, components)
        return as_image(self._image, data, f"model ({space.replace('_', ' ')})")

    def residual(self) -> BaseSignal:
        """The counts as recorded minus ``model()``."""
        image = self._image
        residual = self.model()
        residual.data = image.signal.data[..., image.first : image.last] - residual.data
        residual.metadata.General.title = residual.metadata.General.title.replace(
            "model (measured)", "residual"
        )
        return residual

    def plot(self) -> None:
        """Plot spectra and maps in HyperSpy's navigator, moving together over the components."""
        from .plotting import plot_together

        plot_together(self.spectra, self.maps)

    def plot_overview(self) -> Any:
        """One figure: every component's spectrum beside its map; returns it."""
        from .plotting import plot_overview

        return plot_overview(self)

    def plot_scree(self, ax: Any = None) -> Any:
        """Scree plot in units of the noise edge; returns the matplotlib axes."""
        return self.pca.plot_scree(ax)

    @property
    def _image(self) -> Any:
        return self.pca.prepared.image

    @property
    def _quantity(self) -> str:
        return COUNTS if self.pca.prepared.dual is None else SINGLE

    def _rows(self) -> list[tuple[str, str, str]]:
        """Component, counts and share, for the summary."""
        counts = self.arrays.maps.sum(0) * (self.arrays.spectra @ _widths(self._image))
        share = counts / counts.sum() if counts.sum() > 0 else np.full_like(counts, np.nan)
        return [
            (str(i), f"{c:.4g}", f"{100 * s:.1f} %")
            for i, (c, s) in enumerate(zip(counts, share, strict=True))
        ]

    @property
    def title(self) -> str:
        """One line: what was unmixed into how many components."""
        s = "s" * (self.n_components != 1)
        return f"Unmixing of {_name(self.pca.prepared)}: {self.n_components} component{s}"

    def __repr__(self) -> str:
        table = [f"  component {i}: {c} {self._quantity.lower()} ({share})"
                 for i, c, share in self._rows()]
        return _summary(self.title, self.settings, table)

    def _repr_html_(self) -> str:
        return _html_summary(
            self.title, self.settings, (("component", self._quantity, "share"), *self._rows())
        )


def _name(prepared: Prepared) -> str:
    signal = prepared.image.signal
    title = signal.metadata.get_item("General.title", default="") or "untitled"
    n_pixels, n_channels = prepared.image.blocks.shape
    return f"{title} ({n_pixels} pixels, {n_channels} channels)"


def _summary(title: str, settings: Mapping[str, Choice], table: list[str] | None = None) -> str:
    lines = [f"  {key}: {_value(choice.value)} ({choice.reason})" for key, choice in
             settings.items()]
    return "\n".join([title, *(table or []), *lines])


def _html_summary(
    title: str, settings: Mapping[str, Choice], table: tuple[tuple[str, ...], ...] = ()
) -> str:
    from html import escape

    def row(cells: tuple[str, ...]) -> str:
        return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"

    counts = "<table>" + "".join(row(cells) for cells in table) + "</table>" if table else ""
    choices = "".join(row((k, _value(c.value), c.reason)) for k, c in settings.items())
    return f"<b>{escape(title)}</b>{counts}<table>{choices}</table>"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (tuple, list)):
        return ", ".join(_value(item) for item in value)
    return str(value)
