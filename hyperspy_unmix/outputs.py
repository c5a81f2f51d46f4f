"""What a result shows and writes: figures, files, a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import plotting, uncertainty

if TYPE_CHECKING:
    from .unmixing import Unmixing


class Outputs:
    """Methods of `Unmixing` that compute nothing of their own."""

    def plot(self: Unmixing) -> None:
        """Plot spectra and maps in HyperSpy's navigator, moving together over the components."""
        loose = ", ".join(uncertainty.unstable(self))
        note = f" (UNSTABLE: {loose})" if loose else ""
        plotting.plot_together(self.spectra, self.maps, note)

    def plot_fit(self: Unmixing) -> None:
        """Plot counts, model, components, background and residual at the navigator's pixel."""
        plotting.plot_fit(self)

    def plot_overview(self: Unmixing) -> Any:
        """One figure: every component's spectrum, with its bands, beside its map; returns it."""
        return plotting.plot_overview(self)

    def plot_residual(self: Unmixing) -> Any:
        """Map of the reduced chi-square, and the mean residual against its noise; one figure."""
        return plotting.plot_residual(self)

    def plot_thickness(self: Unmixing) -> Any:
        """Map of the thickness and of its standard deviation; returns the figure."""
        return plotting.plot_thickness(self)

    def plot_composite(self: Unmixing, components: Sequence[int | str] | None = None) -> Any:
        """Shares of two or three components as one picture, a colour each; returns the figure.

        Parameters
        ----------
        components : sequence of int or str, optional
            Numbers or names of two or three; default the first three.
        """
        return plotting.plot_composite(self, components)

    def plot_scree(self: Unmixing, ax: Any = None) -> Any:
        """Scree plot in units of the noise edge; returns the matplotlib axes."""
        return self.pca.plot_scree(ax)

    def save(
        self: Unmixing, filename: str | Path, overwrite: bool | None = None, counts: bool = False
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
        from .storage import save

        save(self, filename, overwrite, counts)

    def export(self: Unmixing, folder: str | Path, overwrite: bool | None = None) -> list[Path]:
        """Write the spectra as .msa and the maps as .tif, for DigitalMicrograph, ImageJ and others.

        Spectra are in counts (`spectra_counts`), zero in channels that were left out; maps in
        counts, 32-bit, with their scale; a line scan's are .msa too. ``summary.txt`` is what the
        result prints.

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
        from .storage import export

        return export(self, folder, overwrite)

    def report(
        self: Unmixing, filename: str | Path, references: Any = None, overwrite: bool | None = None
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
        from .report import report

        report(self, filename, references, overwrite)
