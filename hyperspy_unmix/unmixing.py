"""What `hyperspy_unmix.unmix` returns: ordinary HyperSpy signals, and the choices behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from . import calls, summary, uncertainty
from .applying import apply
from .arrangement import check_names, check_order, find_place, moved, moved_names, numbers
from .certainty import Separated
from .derived import Derived
from .image import Image
from .matching import Match, match
from .numerics.noise import Floats
from .numerics.normalise import Normalised
from .options import takes_preprocessing
from .outputs import Outputs
from .pca_result import PCA
from .separation import flags
from .settings import Choice, FrozenSettings
from .uncertainty import SpectralAmbiguity
from .wrapping import as_maps, as_spectra

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

COUNTS = "Counts"
SINGLE = "Single-scattering counts"


def unmixed(
    pca: PCA, separated: Separated, choices: Mapping[str, Choice], calls: tuple[str, ...]
) -> Unmixing:
    """A new result, its components known by their numbers."""
    arrays = separated.arrays
    names = numbers(len(arrays.spectra))
    return Unmixing(names, FrozenSettings(choices), pca, arrays, separated, calls)


@dataclass(frozen=True, eq=False)
class Unmixing(Derived, Outputs):
    """Component spectra and maps of a spectrum image.

    Unpacks into ``(spectra, maps)``. Components are in the order of the counts they explain.

    Parameters
    ----------
    names : tuple of str
        Of the components; their numbers unless `rename` was called.
    choices : mapping of str to (value, reason)
        Every choice made, the automatic ones included; ``settings`` adds what is to be known of
        single components.
    pca : PCA
        What was unmixed.
    arrays : Normalised
        The numbers behind the signals.
    separated : Separated
        How the components were found, which tells how sure they are.
    calls : tuple of str
        What was called to get it, see ``code``.
    """

    names: tuple[str, ...]
    choices: Mapping[str, Choice] = field(repr=False)
    pca: PCA = field(repr=False)
    arrays: Normalised = field(repr=False)
    separated: Separated = field(repr=False)
    calls: tuple[str, ...] = field(default=(), repr=False)

    @property
    def n_components(self) -> int:
        """Number of components."""
        return len(self.names)

    @cached_property
    def settings(self) -> Mapping[str, Choice]:
        """Every choice made, and what is to be known of single components."""
        return FrozenSettings({**self.choices, **flags(self.arrays, self.names)})

    @property
    def code(self) -> str:
        """What to type for the same result: ``s`` is the signal, others are named by option."""
        return calls.code(self.calls)

    def rename(self, names: Sequence[str]) -> Unmixing:
        """The same result with other names for its components.

        Parameters
        ----------
        names : sequence of str
            One for each component, all different.

        Raises
        ------
        TypeError, ValueError
            If they are not that.
        """
        names = check_names(names, self.n_components)
        return self._after("rename", list(names), names=names)

    def reorder(self, order: Sequence[int | str]) -> Unmixing:
        """The same result with its components in another order.

        Parameters
        ----------
        order : sequence of int or str
            Numbers or names of all components, each once, in the order they shall have.

        Raises
        ------
        TypeError, ValueError
            If a component is missing or there twice.
        """
        places = check_order(order, self.names)
        choices = FrozenSettings(moved(self.choices, places))
        return self._after(
            "reorder",
            list(order),
            names=moved_names(self.names, places),
            choices=choices,
            arrays=self.arrays.taken(places),
        )

    def reverse(self, component: int | str) -> Unmixing:
        """The same result with the signs of one component's spectrum and map turned.

        Parameters
        ----------
        component : int or str
            Its number or name.

        Raises
        ------
        ValueError
            If there is no such component.
        """
        arrays = self.arrays.reversed(find_place(component, self.names))
        return self._after("reverse", component, arrays=arrays)

    def __iter__(self) -> Iterator[BaseSignal]:
        return iter((self.spectra, self.maps))

    @cached_property
    def spectra(self) -> BaseSignal:
        """(Component | energy), of integral one over the axis, in 1/unit; see ``settings``.

        Their variance is in ``metadata.Signal.Noise_properties``, see `spectra_uncertainty`.
        """
        return self._as_spectra(self.arrays.spectra, "component spectra", self._spectra_variance)

    @cached_property
    def maps(self) -> BaseSignal:
        """(Component | x, y) in counts: ``maps x spectra x channel width`` is the contribution.

        Single-scattering counts where a low loss was used. NaN where masked. Their variance is in
        ``metadata.Signal.Noise_properties``, see `maps_uncertainty`.
        """
        title, values = "component maps", self.arrays.maps
        return as_maps(self._image, values, title, self._quantity, self._maps_variance)

    @property
    def spectra_counts(self) -> BaseSignal:
        """Each spectrum times the sum of its map, in counts per channel, and their variance."""
        total = self.arrays.maps.sum(0)[:, None] * self._image.channel_widths
        return as_spectra(
            self._image,
            self.arrays.spectra * total,
            "component spectra, counts",
            self._quantity,
            variance=uncertainty.counts_variance(self),
        )

    @cached_property
    def spectra_uncertainty(self) -> BaseSignal:
        """Standard deviation of `spectra`, channel by channel.

        Of the noise of the counts, and of components mixed up with each other: by the chance with
        which the features of spectra coincide (ICA) or the noise of the pixels that are averaged
        (``assume="pure"``), as far as spectra and maps stay non-negative within the noise. Errors
        of the second kind are those of all channels together. What an assumption that does not
        hold may do is not in it: see `ambiguity`.
        """
        sd = np.sqrt(self._spectra_variance)
        return self._as_spectra(sd, "component spectra, standard deviation")

    @cached_property
    def maps_uncertainty(self) -> BaseSignal:
        """Standard deviation of `maps`, pixel by pixel; see `spectra_uncertainty`."""
        sd = np.sqrt(self._maps_variance)
        return as_maps(self._image, sd, "component maps, standard deviation", self._quantity)

    @property
    def stability(self) -> Floats:
        """Stability index of each component, from 0 to 1, shape (components,).

        How alike the component comes back from other noise, other starts of the ICA and other
        parts of the spectrum (or other pixels, with ``assume="pure"``). Below 0.5 it is flagged.
        """
        return uncertainty.stability(self)

    @cached_property
    def ambiguity(self) -> SpectralAmbiguity:
        """How far each spectrum may hold more or less of the others, and bands of the spectra.

        Other spectra and maps describe the counts just as well. This is how far they can be from
        those shown before they become more negative than noise allows: the rotational ambiguity of
        the chemometric literature.
        """
        return uncertainty.ambiguity(self)

    @cached_property
    def fractions(self) -> BaseSignal:
        """Each component's share of the component counts of a pixel; NaN where there are none."""
        counts = self.arrays.maps * (self.arrays.spectra @ self._image.channel_widths)
        total = counts.sum(1, keepdims=True)
        shares = np.where(total > 0, counts / np.where(total > 0, total, 1), np.nan)
        return as_maps(self._image, shares, "component fractions", "Fraction")

    @takes_preprocessing()
    def apply(self, other: BaseSignal, **preprocessing: Any) -> Unmixing:
        """Maps of these spectra in another spectrum image.

        By maximum likelihood of the other signal's counts, Poisson or with gain and read noise,
        non-negative, in measured space: scattered with its own low loss, on its own background.

        Parameters
        ----------
        other : BaseSignal
            Over the same energies, at least half of their range.
        **preprocessing
            Of the other signal, as in `hyperspy_unmix.unmix`; the background windows and the range
            are those of this result unless others are given.

        Returns
        -------
        Unmixing

        Raises
        ------
        TypeError, ValueError
            If the signals do not go together.
        """
        return apply(self, other, preprocessing)

    def match(self, references: Any) -> Match:
        """Compare the components with references by their spectral angle, and name them.

        Parameters
        ----------
        references : mapping of str to reference, sequence of references, or a reference
            Spectra (HyperSpy signals), another result, edges (``"O_K"``, exspy's or HyperSpy's
            components) or lists of edges; see `hyperspy_unmix.matching.match`.

        Returns
        -------
        Match
            Prints as a table; ``.angles`` in degrees, ``.renamed`` this result with the names.

        Raises
        ------
        TypeError, ValueError
            If references are not that, are in other units, or none overlaps with the components.
        """
        return match(self, references)

    def _after(self, name: str, given: Any, **changed: Any) -> Unmixing:
        """The same result but for this, and the call that did it."""
        before = self.calls
        if name == "rename" and before and before[-1].startswith("rename("):
            before = before[:-1]
        return replace(self, calls=(*before, f"{name}({given!r})"), **changed)

    @property
    def _image(self) -> Image:
        return self.pca.prepared.image

    @property
    def _quantity(self) -> str:
        return COUNTS if self.pca.prepared.kernel is None else SINGLE

    @cached_property
    def _spectra_variance(self) -> Floats:
        return uncertainty.spectra_variance(self)

    @cached_property
    def _maps_variance(self) -> Floats:
        return uncertainty.maps_variance(self)

    def _as_spectra(self, values: Floats, title: str, variance: Floats | None = None) -> BaseSignal:
        return as_spectra(
            self._image, values, title, "Intensity", variance=variance, is_binned=False
        )

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Component, counts, share and stability of each component, as they are printed."""
        counts = self.arrays.maps.sum(0) * (self.arrays.spectra @ self._image.channel_widths)
        share = counts / counts.sum() if counts.sum() > 0 else np.full_like(counts, np.nan)
        return [
            (name, f"{c:.4g}", f"{100 * s:.1f} %" if np.isfinite(s) else "-", f"{index:.2f}")
            for name, c, s, index in zip(self.names, counts, share, self.stability, strict=True)
        ]

    @property
    def title(self) -> str:
        """One line: what was unmixed into how many components."""
        s = "s" * (self.n_components != 1)
        return f"Unmixing of {summary.name(self.pca.prepared)}: {self.n_components} component{s}"

    def __repr__(self) -> str:
        table = [
            f"  component {i}: {c} {self._quantity.lower()} ({share}), stability {index}"
            for i, c, share, index in self.rows()
        ]
        return summary.text(self.title, uncertainty.findings(self) | dict(self.settings), table)

    def _repr_html_(self) -> str:
        head = ("component", self._quantity, "share", "stability")
        choices = uncertainty.findings(self) | dict(self.settings)
        return summary.html(self.title, choices, (head, *self.rows()))
