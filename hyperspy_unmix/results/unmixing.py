"""What `hyperspy_unmix.unmix` returns: components that plot, match, apply, save and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hyperspy_unmix import plotting
from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.analysis.known_finding import KnownFinding
from hyperspy_unmix.analysis.separated import Separated
from hyperspy_unmix.arguments.options import takes_preprocessing
from hyperspy_unmix.components import printout
from hyperspy_unmix.components.components import Components
from hyperspy_unmix.components.matching import Match, match
from hyperspy_unmix.components.naming import called, numbers
from hyperspy_unmix.components.trials import Trials
from hyperspy_unmix.components.trying import options_of, trials_of
from hyperspy_unmix.settings import Choice, FrozenSettings, finding_of

from .copies import CanBeCopied
from .regions import WithRegions

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

ASSUMPTIONS: tuple[Literal["overlap", "pure"], ...] = ("overlap", "pure")


def unmixed(
    pca: Compressed,
    separated: Separated,
    choices: Mapping[str, Choice],
    calls: tuple[str, ...],
) -> Unmixing:
    """A new result, its components called by their numbers, or as the user called known ones."""
    arrays = pca.arrays_of(separated)
    names = list(numbers(len(arrays.spectra)))
    known = finding_of(separated.findings, KnownFinding)
    if known is not None:
        for name, place in zip(known.names, known.places, strict=True):
            names[place] = name
    return Unmixing(tuple(names), FrozenSettings(choices), pca, arrays, separated, calls)


def alternatives(result: Unmixing) -> dict[str, Unmixing]:
    """The same components under each of the two assumptions, see `Unmixing.alternatives`."""
    if result.are_spectra_given or "together" in result.settings:
        raise ValueError(
            "alternatives are those of one signal that was unmixed by itself, not with spectra "
            'that were all given: call unmix again with assume="overlap" or assume="pure".'
        )
    found: dict[str, Unmixing] = {}
    for assumed in ASSUMPTIONS:
        options = options_of(result, assume=assumed)
        separated, choices = result.pca.separate(result.n_components, options)
        calls = (*result.calls, f'alternatives["{assumed}"]')
        one = unmixed(result.pca, separated, choices, calls)
        found[assumed] = replace(one, asked=result.asked.updated(assume=assumed))
    return found


@dataclass(frozen=True, eq=False, repr=False)
class Unmixing(CanBeCopied, WithRegions):  # noqa: D101
    __doc__ = Components.__doc__

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
        from .known_spectra import apply

        return apply(self, other, preprocessing)

    @cached_property
    def trials(self) -> Trials:
        """What another number of components or assumption gives, where something is to be mended.

        Tried when first asked for, from the compressed counts.
        """
        return trials_of(self)

    def __repr__(self) -> str:
        return printout.as_text(self, self.trials)

    def _repr_html_(self) -> str:
        return printout.as_html(self, self.trials)

    @property
    def alternatives(self) -> dict[str, Unmixing]:
        """The answers of ``assume="overlap"`` and ``"pure"``, of as many components; not cached.

        Raises
        ------
        ValueError
            If the result was not separated by itself: of several signals together, or with spectra
            that were given.
        """
        return alternatives(self)

    def match(self, references: Any) -> Match:
        """Compare the components with references by their spectral angle, and name them.

        Parameters
        ----------
        references : mapping of str to reference, sequence of references, or a reference
            Spectra (HyperSpy signals), another result, edges (``"O_K"``, exspy's or HyperSpy's
            components), X-ray lines (``"Fe_Ka"``) or lists of them; see
            `hyperspy_unmix.components.matching.match`.

        Returns
        -------
        Match
            Prints as a table; ``.angles`` in degrees, ``.renamed`` this result with the names,
            ``.arranged`` in the order of the references as well.

        Raises
        ------
        TypeError, ValueError
            If references are not that, are in other units, or none overlaps with the components.
        """
        return match(self, references)

    def plot(self) -> None:
        """Plot spectra and maps in HyperSpy's navigator, moving together over the components."""
        titles = [
            f"{called(name, i)} (UNSTABLE)" if name in self.unstable else called(name, i)
            for i, name in enumerate(self.names)
        ]
        plotting.plot_together(self.spectra, self.maps, titles)

    def plot_fit(self) -> None:
        """Plot counts, model, components, background and residual at the navigator's pixel."""
        plotting.plot_fit(self)

    def plot_overview(self, smooth: bool = False) -> Any:
        """One figure: every component's spectrum, with its bands, beside its map; returns it.

        Parameters
        ----------
        smooth : bool
            Whether the maps are `smooth_maps`; they say over how many pixels.
        """
        return plotting.plot_overview(self, smooth=smooth)

    def plot_residual(self) -> Any:
        """Map of the reduced chi-square, and the mean residual against its noise; one figure."""
        return plotting.plot_residual(self)

    def plot_thickness(self) -> Any:
        """Map of the thickness and of its standard deviation; returns the figure."""
        return plotting.plot_thickness(self)

    def plot_spectra(self, components: Sequence[int | str] | None = None, **options: Any) -> Any:
        """Spectra of all or some components in one axes, which it returns.

        Parameters
        ----------
        components : sequence of int or str, optional
            Numbers or names; default all.
        **options
            ``ax`` to draw in, ``colors``, ``title``, ``bands=False`` without errors,
            ``stacked=True`` one above the other.

        Raises
        ------
        ValueError
            If there is no such component, or colours are too few.
        """
        return plotting.plot_spectra(self, components, **options)

    def plot_map(self, component: int | str, **options: Any) -> Any:
        """Map of one component, in the axes that it returns.

        Parameters
        ----------
        component : int or str
            Its number or name.
        **options
            ``ax`` to draw in, ``cmap``, ``vmin`` and ``vmax`` (``"99th"`` is a percentile),
            ``title``, ``scalebar=True`` for a bar instead of ticks.

        Raises
        ------
        ValueError
            If there is no such component, or no unit for the scale bar asked for.
        """
        return plotting.plot_map(self, component, **options)

    def plot_composite(self, components: Sequence[int | str] | None = None, **options: Any) -> Any:
        """Shares of components as one picture, a colour each; returns the figure.

        Parameters
        ----------
        components : sequence of int or str, optional
            Numbers or names of two or more; default all.
        **options
            ``ax`` to draw in, ``colors``, ``survey`` (an image of the same pixels, such as HAADF,
            beneath), ``title``, ``scalebar=True`` for a bar instead of ticks.

        Raises
        ------
        ValueError
            If there is one component only, components or colours are not that, the scan is no map
            of two axes, or the survey image has other pixels.
        """
        return plotting.plot_composite(self, components, **options)

    def plot_scree(self, ax: Any = None) -> Any:
        """Scree plot in units of the noise edge; returns the matplotlib axes."""
        return plotting.plot_scree(self.pca, ax)

    def recipe(self, filename: str | Path | None = None, overwrite: bool | None = None) -> str:
        """The choices of this result as a small TOML, for other files; see `read_recipe`.

        What was asked for; what was found is there as comments. Arrays and signals are named, and
        asked for when the recipe is read.

        Parameters
        ----------
        filename : str or Path, optional
            ``.toml``, to write it there too.
        overwrite : bool, optional
            Of an existing file; None asks, False leaves it.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ValueError
            If the spectra were given, or the suffix is another one.
        """
        from .recipes import recipe

        return recipe(self, filename, overwrite)

    def save(
        self, filename: str | Path, overwrite: bool | None = None, counts: bool = False
    ) -> None:
        """Save everything to one file, from which `hyperspy_unmix.load` brings it back.

        HyperSpy's ``load`` reads spectra, maps and thickness from the same file without this
        package.

        Parameters
        ----------
        filename : str or Path
            ``.hspy`` (default) or ``.zspy``. An existing file stays as it is until the new one is
            complete.
        overwrite : bool, optional
            Of an existing file; None asks, False leaves it and saves nothing.
        counts : bool
            Whether the spectrum image itself goes into the file too. Without it ``residual()`` and
            ``plot_fit()`` of the loaded result need the signal, see `hyperspy_unmix.load`.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ValueError
            If the suffix is another one.
        """
        from hyperspy_unmix.storage import save

        save(self, filename, overwrite, counts)

    def export(self, folder: str | Path, overwrite: bool | None = None) -> list[Path]:
        """Write the spectra as .msa and the maps as .tif, for DigitalMicrograph, ImageJ and others.

        Spectra are in counts (`spectra_counts`), zero in channels that were left out; maps in
        counts, 32-bit, with their scale; a line scan's are .msa too. ``summary.txt`` is what the
        result prints, with all findings and settings.

        Parameters
        ----------
        folder : str or Path
            Made if it is not there.
        overwrite : bool, optional
            Of existing files; None asks, False leaves them.

        Returns
        -------
        list of Path
            Of the files written.
        """
        from hyperspy_unmix.storage import export

        return export(self, folder, overwrite)

    def report(
        self, filename: str | Path, references: Any = None, overwrite: bool | None = None
    ) -> None:
        """Write one page of HTML: what was found, what was done and why, and how to repeat it.

        Figures, the table of components, warnings, every choice with its reason, a paragraph for a
        methods section with its references, code and versions; everything in the file itself.

        Parameters
        ----------
        filename : str or Path
            ``.html``.
        references : optional
            Whose nearest ones stand beside the components, see `match`.
        overwrite : bool, optional
            Of an existing file; None asks, False leaves it.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        TypeError, ValueError
            If the suffix is another one, or references do not fit.
        """
        from hyperspy_unmix.report import report

        report(self, filename, references, overwrite)
