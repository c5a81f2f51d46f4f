"""The methods that the registered signal classes share."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hyperspy.signal import BaseSignal

from hyperspy_unmix.arguments.options import OF_PHYSICS, takes_preprocessing

if TYPE_CHECKING:
    from hyperspy_unmix.arguments.checks import NumberOfComponents
    from hyperspy_unmix.interactive.tool import UnmixTool
    from hyperspy_unmix.numerics.compression.number_of_components import ComponentCount
    from hyperspy_unmix.results.pca import PCA
    from hyperspy_unmix.results.phases import Phases
    from hyperspy_unmix.results.unmixing import Unmixing

__all__ = ["UnmixMixin"]

# The formats that store the metadata as they are, by name and by extension.
_HYPERSPY_FORMATS = {
    *("hspy", "hdf5", "hyperspy", "hyperspy_hdf5", "hyperspy hdf5"),
    *("zspy", "hyperspyzarr"),
    *("nxs", "nexus"),
}


if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal as _MixedInto
else:
    # The signal classes name their base themselves, behind the mixin.
    _MixedInto = object


class UnmixMixin(_MixedInto):
    """The functions of :mod:`hyperspy_unmix` as methods of a signal."""

    _signal_type: ClassVar[str]
    _base_signal_type: ClassVar[str]

    @takes_preprocessing()
    def preprocess(self, **preprocessing: Any) -> BaseSignal:
        """Subtract the background and take plural scattering out.

        The parameters are those of :meth:`unmix`; see :func:`hyperspy_unmix.preprocess` for the
        full description.

        Returns
        -------
        BaseSignal
            A signal of the same class, in counts.
        """
        from hyperspy_unmix.workflow import preprocess

        return preprocess(self, **preprocessing)

    @takes_preprocessing()
    def pca(self, n_components: int | NumberOfComponents = "auto", **preprocessing: Any) -> PCA:
        """Preprocess, and find the principal components.

        The parameters are those of :meth:`unmix`; see :func:`hyperspy_unmix.pca` for the full
        description.

        Returns
        -------
        PCA
            Components, scores, scree and the chosen number; its method ``ica`` goes on to the
            :class:`~hyperspy_unmix.Unmixing`.
        """
        from hyperspy_unmix.workflow import pca

        return pca(self, n_components, **preprocessing)

    @takes_preprocessing()
    def phases(
        self,
        n_components: int | NumberOfComponents = "auto",
        *,
        false_alarm: float = 0.01,
        random_state: int = 0,
        **preprocessing: Any,
    ) -> Phases:
        """Find homogeneous regions: pixels that differ by noise and intensity only.

        See :func:`hyperspy_unmix.phases` for the full description.

        Parameters
        ----------
        n_components
            As in :meth:`unmix`.
        false_alarm : float
            Probability that one phase or more is found that is not there.
        random_state : int
            The same number gives the same phases.

        Returns
        -------
        Phases
            Label map, mean spectra, areas.
        """
        from hyperspy_unmix.results.phases_of_signal import phases

        return phases(
            self,
            n_components,
            false_alarm=false_alarm,
            random_state=random_state,
            **preprocessing,
        )

    @takes_preprocessing(*OF_PHYSICS)
    def denoise(
        self, n_components: int | NumberOfComponents = "auto", **preprocessing: Any
    ) -> BaseSignal:
        """Keep of the counts what their noise lets be told.

        The parameters are those of :meth:`unmix`; see :func:`hyperspy_unmix.denoise` for the full
        description.

        Returns
        -------
        BaseSignal
            A signal of the same class and shape, in measured units.
        """
        from hyperspy_unmix.workflow import denoise

        return denoise(self, n_components, **preprocessing)

    @takes_preprocessing()
    def estimate_number_of_components(
        self, *, split_half: Literal["fast", "full"] = "fast", **preprocessing: Any
    ) -> ComponentCount:
        """Count the components that the data support.

        The parameters are those of :meth:`unmix`; see
        :func:`hyperspy_unmix.estimate_number_of_components` for the full description.

        Returns
        -------
        ComponentCount
            The number and the evidence for it.
        """
        from hyperspy_unmix.workflow import estimate_number_of_components

        return estimate_number_of_components(self, split_half=split_half, **preprocessing)

    @takes_preprocessing()
    def unmix(
        self,
        n_components: int | NumberOfComponents = "auto",
        *,
        algorithm: Literal["picard", "fastica", "nmf", "mcr-als"] = "picard",
        refine: Literal["auto"] | None = "auto",
        assume: Literal["auto", "overlap", "pure"] = "auto",
        random_state: int = 0,
        known: Mapping[str, Any] | None = None,
        like: Any = None,
        store: bool = True,
        interactive: bool = False,
        **preprocessing: Any,
    ) -> Unmixing | UnmixTool:
        """Find the spectra and the maps of the components.

        See :func:`hyperspy_unmix.unmix` for the full description.

        Parameters
        ----------
        n_components : int, "auto", "noise_edge", "elbow" or "split_half"
            The number of components; ``"auto"`` counts those that the data support.
        algorithm : {"picard", "fastica", "nmf", "mcr-als"}
            Algorithm of the ICA, or a non-negative factorisation of the same preprocessed data.
        refine : "auto" or None
            ``"auto"``: mix the ICA's components as little as needed to make spectra and maps
            non-negative within their noise. None: leave them as they are.
        assume : {"auto", "overlap", "pure"}
            ``"overlap"``: components have independent spectra. ``"pure"``: every component is
            alone in some pixels. ``"auto"``: what the data speak for.
        random_state : int
            The same number gives the same result, on the same machine to the bit.
        known : mapping of str to spectrum, mask, ROI or rectangle, optional
            Components that are known, by their names: the others are unmixed beside them. As many
            as ``n_components`` are fitted alone (MLLS).
        like : Unmixing, optional
            Another result, whose names and order the components take.
        store : bool
            Fill ``learning_results``, so that HyperSpy's own plots and models of the
            decomposition work, and the result goes into the saved file.
        interactive : bool
            Choose background window and number of components while looking at the result.
        low_loss : BaseSignal, "auto" or None
            The low-loss spectrum image of the same pixels, to take plural scattering out.
            ``"auto"``: this signal's own, where it holds its zero-loss peak.
        thickness : BaseSignal or (array, unit), optional
            A map of the thickness, in t/λ or nm.
        surface_losses : float or (float, float), optional
            What surface losses add to t/λ, and its standard deviation: taken off.
        exposure_ratio : float, optional
            Exposure of the core loss over that of the low loss, if the metadata do not tell.
        background : "auto", None, (start, end) or several of these
            The pre-edge windows, in the units of the signal axis.
        background_type : {"auto", "power law", "exponential", "polynomial", "offset"}
            The shape of the background.
        energy_shift : "auto", "spectra" or None
            ``"auto"``: find the energy drift, and take it out where it exceeds its own error.
            ``"spectra"``: the same, whatever the low loss says.
        spikes : "auto" or None
            ``"auto"``: replace spikes by their neighbours, and leave dead channels out.
        signal_range : (start, end), optional
            The part of the signal axis to use, in its units.
        noise : "auto", "poisson", "uniform" or BaseSignal
            The noise model, or the variance.
        navigation_mask, signal_mask : BaseSignal or array, optional
            True is excluded. Arrays are in array order, ``(y, x)``.
        show_progressbar : bool, optional
            By default as in HyperSpy's preferences.

        Returns
        -------
        Unmixing
            Unpacks into ``(spectra, maps)``. With ``interactive`` a tool, whose ``result`` it is.
        """
        from hyperspy_unmix.workflow import unmix

        result: Unmixing | UnmixTool = unmix(
            self,
            n_components,
            algorithm=algorithm,
            refine=refine,
            assume=assume,
            random_state=random_state,
            known=known,
            like=like,
            store=store,
            interactive=interactive,
            **preprocessing,
        )
        return result

    def save(
        self,
        filename: Any = None,
        overwrite: bool | None = None,
        extension: str | None = None,
        file_format: str | None = None,
        **kwds: Any,
    ) -> None:
        # Formats other than HyperSpy's own and NeXus know nothing of this signal type.
        keeps_type = self._format(filename, extension, file_format) in _HYPERSPY_FORMATS
        options = {"extension": extension, "file_format": file_format, **kwds}
        with nullcontext() if keeps_type else self._as_base_type():
            if extension is None:
                super().save(filename, overwrite, **options)
                return
            # The warning that it is deprecated shall point to the caller's line, not to this one.
            with warnings.catch_warnings(record=True) as caught:
                super().save(filename, overwrite, **options)
        for warning in caught:
            warnings.warn(warning.message, warning.category, stacklevel=2)

    save.__doc__ = BaseSignal.save.__doc__

    def _format(self, filename: Any, extension: str | None, file_format: str | None) -> str:
        """Lower-case name or extension of the format that HyperSpy will choose."""
        if not isinstance(filename, str | PathLike | None):
            return "zspy"  # a zarr store
        path = Path(filename or "")
        if path.is_dir() and path.suffix != ".zspy":
            fallback = self.tmp_parameters.get_item("extension", "hspy")
        else:
            fallback = path.suffix or "hspy"
        return (file_format or extension or fallback).lower().lstrip(".")

    @contextmanager
    def _as_base_type(self) -> Iterator[None]:
        """Let the metadata name the type of the base class, for code that compares literals."""
        self.metadata.Signal.signal_type = self._base_signal_type
        try:
            yield
        finally:
            self.metadata.Signal.signal_type = self._signal_type
