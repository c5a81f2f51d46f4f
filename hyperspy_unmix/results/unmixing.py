"""What `hyperspy_unmix.unmix` returns: components that plot, match, apply, save and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.analysis.known_finding import KnownFinding
from hyperspy_unmix.analysis.separated import Separated
from hyperspy_unmix.arguments.options import takes_preprocessing
from hyperspy_unmix.components import printout
from hyperspy_unmix.components.components import Components
from hyperspy_unmix.components.composition import Composition
from hyperspy_unmix.components.matching import Match, match
from hyperspy_unmix.components.naming import numbers
from hyperspy_unmix.components.quantification import quantify
from hyperspy_unmix.components.trials import Trials
from hyperspy_unmix.components.trying import options_of, trials_of
from hyperspy_unmix.settings import Choice, FrozenSettings, finding_of

from .copies import CanBeCopied
from .plotted import Plotted
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
        separated, choices = result.pca.separate_silently(result.n_components, options)
        choices = {**result.pca.settings, **choices}
        calls = (*result.calls, f'alternatives["{assumed}"]')
        one = unmixed(result.pca, separated, choices, calls)
        found[assumed] = replace(one, asked=result.asked.updated(assume=assumed))
    return found


@dataclass(frozen=True, eq=False, repr=False)
class Unmixing(CanBeCopied, WithRegions, Plotted):  # noqa: D101
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

    def quantify(
        self,
        factors: Mapping[str, float] | None = None,
        *,
        method: Literal["CL", "zeta"] = "CL",
        elements: Sequence[str] | None = None,
        gos: Literal["hydrogenic", "dft", "dirac", "Hartree-Slater"] = "hydrogenic",
        **microscope: float,
    ) -> Composition:
        """Atomic percent of the elements in each component, by exspy, with errors.

        EELS: a model of the elements' edges, fitted to `spectra_counts` with their variance, by
        the cross sections of R. F. Egerton, Electron Energy-Loss Spectroscopy in the Electron
        Microscope (2011), https://doi.org/10.1007/978-1-4419-9583-4, or others. EDS in the TEM: a
        model of the lines; G. Cliff, G. W. Lorimer, J. Microsc. 103 (1975) 203,
        https://doi.org/10.1111/j.1365-2818.1975.tb03895.x, or the zeta factors of M. Watanabe,
        D. B. Williams, J. Microsc. 221 (2006) 89,
        https://doi.org/10.1111/j.1365-2818.2006.01549.x. Absorption is not corrected.

        Parameters
        ----------
        factors : mapping of str to float
            EDS: weight k-factors, or zeta factors in kg/m2, of one line of each element:
            ``{"Fe_Ka": 1.0, "O_Ka": 1.6}``. Elements without one are fitted and not counted.
        method : {"CL", "zeta"}
            EDS: what the factors are.
        elements : sequence of str, optional
            Default those in the metadata. EDS: those whose lines are fitted.
        gos : {"hydrogenic", "dft", "dirac", "Hartree-Slater"}
            EELS: cross sections; hydrogenic ones know K and L edges, ``"dft"`` is fetched once.
        **microscope : float
            What the metadata lack: ``beam_energy`` (keV), ``convergence_angle`` and
            ``collection_angle`` (mrad); for zeta factors ``beam_current`` (nA) and ``live_time``
            (s, of a pixel).

        Returns
        -------
        Composition
            Prints as a table; ``.percent``, ``.error``, ``.low``, ``.high``, ``.to_pandas()``.

        Raises
        ------
        TypeError, ValueError
            If the signal is neither EELS nor EDS_TEM, or something is missing: the error says what
            to type.
        """
        return quantify(
            self, factors, method=method, elements=elements, gos=gos, microscope=microscope
        )

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
