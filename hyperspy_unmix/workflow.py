"""The stages, one calling the one before: preprocess, pca, unmix, denoise, count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from hyperspy_unmix.arguments.checks import NumberOfComponents, check_choice
from hyperspy_unmix.arguments.options import OF_PHYSICS, read_options, takes_preprocessing
from hyperspy_unmix.components.as_signals import as_image, low_rank_image
from hyperspy_unmix.numerics.compression.number_of_components import ComponentCount
from hyperspy_unmix.results.joint_unmixing import unmix_together
from hyperspy_unmix.results.like_another import check_like
from hyperspy_unmix.results.one_signal import unmix_one
from hyperspy_unmix.results.pca import PCA
from hyperspy_unmix.results.unmix_detectors import unmix_detectors
from hyperspy_unmix.results.unmixing import Unmixing
from hyperspy_unmix.storage.learning_results import can_store, store_learning_results

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


@takes_preprocessing()
def unmix(
    signal: BaseSignal | Sequence[BaseSignal] | Mapping[str, BaseSignal],
    n_components: int | NumberOfComponents = "auto",
    *,
    algorithm: Literal["picard", "fastica", "nmf", "mcr-als"] = "picard",
    refine: Literal["auto"] | None = "auto",
    assume: Literal["auto", "overlap", "pure"] = "auto",
    random_state: int = 0,
    known: Mapping[str, Any] | None = None,
    like: Unmixing | None = None,
    store: bool = False,
    interactive: bool = False,
    **preprocessing: Any,
) -> Any:
    """Component spectra and maps of a spectrum image, or of several together.

    Parameters
    ----------
    signal : BaseSignal, a sequence of them, or a mapping of str to them
        One signal axis and at least one navigation axis; any real dtype, eager or lazy. Never
        modified (see ``store`` for its `learning_results`). Several, of any shapes and over the
        same energies, are searched for components in common: a phase need not be in all of them.
        Each is prepared by itself; ``low_loss``, ``thickness``, ``exposure_ratio``, ``noise`` and
        ``navigation_mask`` may be lists with one for each. Those of a mapping, such as ``{"EELS":
        s, "EDS": e}``, are what several detectors saw of the same pixels: they share their maps.
        Each is prepared by itself; options of one detector are mappings by the same names.
    n_components : int, "auto", "noise_edge", "elbow" or "split_half"
        ``"auto"``: the median of three estimates, once background and plural scattering are
        removed, at most 20; where these are many, as many as are stable, see ``stability`` of
        the result. The others are the estimates by themselves, see `ComponentCount`.
    algorithm : {"picard", "fastica", "nmf", "mcr-als"}
        Algorithm of the ICA. Picard allows sources that are correlated by chance. Or, to compare
        with, a non-negative factorisation of the same compressed and corrected spectra:
        ``"mcr-als"`` by least squares weighted by the noise, ``"nmf"`` by the Poisson likelihood of
        counts from which nothing was subtracted. Of these ``assume`` says where they start:
        ``"pure"`` from the purest pixels, ``"overlap"`` from the ICA, ``"auto"`` from both, the
        better fit.
    refine : "auto" or None
        ``"auto"``: mix the ICA's components as little as needed to make spectra and maps
        non-negative within their noise. None: leave them as they are.
    assume : {"auto", "overlap", "pure"}
        How the phases lie. ``"overlap"``: components have independent spectra, and one may lie
        under another everywhere. ``"pure"``: every component is alone in some pixels. ``"auto"``:
        what the data speak for, component by component; the summary says what decided, and
        ``alternatives`` of the result holds the other answers.
    random_state : int
        Seed of the ICA's starting points; the same seed gives the same bits on the same machine.
    known : mapping of str to spectrum, mask, ROI or rectangle, optional
        Components that are known, by the names that they get. Their spectra stay, the others are
        unmixed beside them, as ``assume`` says. As many as ``n_components`` are a fit of their maps
        alone, multiple linear least squares (MLLS) by Poisson likelihood, non-negative. Each is a
        HyperSpy signal of one spectrum (``other.spectra.inav[i]`` is one): single scattering
        without background, over the analysed range, interpolated to its channels; or pixels whose
        mean it is, background and plural scattering out: a mask (True is taken, array order), a
        HyperSpy ROI or (left, top, right, bottom) in pixels, right and bottom exclusive. One that
        does not fit the data is named in the summary, and an energy offset that explains it.
    like : Unmixing, optional
        Another result, whose names and order the components take where their spectra are within 20
        degrees of its: component 1 stays component 1 when their number changes. Others follow.
    store : bool
        Fill ``signal.learning_results``, so that HyperSpy's own ``plot_bss_results`` and its kin
        work and the result is saved with the signal. The method's default is True.
    interactive : bool
        Return a tool that shows spectra and maps while background window and number of components
        are chosen, see `hyperspy_unmix.interactive.UnmixTool`; its ``result`` is the Unmixing.
    low_loss : BaseSignal, "auto" or None
        EELS low loss of the same scan (or one spectrum for all pixels), with its zero-loss peak.
        Plural scattering is taken out of the core loss with it (Fourier ratio). ``"auto"``: the
        signal itself, where its axis reaches over its own zero-loss peak. Without a
        ``signal_range`` that leaves the peak out, such a signal is unmixed as a low loss: the
        channels behind the zero-loss peak, plural scattering taken out by Fourier log. One that
        ends too early, lies beside the core loss or leads to components that take counts away is
        compared with none, and the better of the two taken, which the summary says.
    thickness : BaseSignal or (array, unit), optional
        Map of the thickness, in ``"t/lambda"`` or ``"nm"``; a signal says which in its
        ``metadata.Signal.quantity``, as the result of exspy's ``estimate_thickness`` does. It is
        the result's ``thickness`` in place of the log-ratio, what ``densities`` are relative to,
        and what stands in for the zero-loss counts where the low loss is clipped.
    surface_losses : float or (float, float), optional
        What surface plasmons of both faces add to t/lambda, the same in thin and thick pixels, and
        its standard deviation (0 if it is left out). Taken off ``thickness``. None: not known; the
        error of ``thickness`` holds what they may be.
    exposure_ratio : float, optional
        Exposure of the core loss over that of the low loss; default from the metadata of the two.
    background : "auto", None, (start, end) or several of these
        Pre-edge windows of the background, in the units of the axis; several are fitted together.
        They are cut to the channels that count.
        ``"auto"`` finds one on EELS and subtracts nothing elsewhere.
    background_type : {"auto", "power law", "exponential", "polynomial", "offset"}
        Shape of the background. ``"auto"``: power laws; behind a window at energies that are not
        positive, a polynomial (a straight line).
    energy_shift : "auto", "spectra" or None
        ``"auto"``: find the energy drift of EELS, from the zero-loss peak or from the spectra, in
        either order of the scan, and take it out where it is larger than its own error.
        ``"spectra"``: from the spectra, whatever the low loss says (it was aligned by itself, or is
        of another range). None: leave the spectra where they are.
    spikes : "auto" or None
        ``"auto"``: replace single values far above their neighbours in energy and in space, and
        leave dead channels out. None: take the counts as they are.
    signal_range : (start, end), optional
        Part of the axis to analyse, in its units; default all of it, of X-rays without the
        electronic peak at 0 keV.
    noise : "auto", "poisson", "uniform" or BaseSignal
        Variance of the data; ``"auto"`` estimates it, or takes it from
        ``metadata.Signal.Noise_properties`` where the data's own scatter agrees within a factor of
        two; a signal gives it for every value.
    navigation_mask, signal_mask : BaseSignal or array, optional
        True is excluded. Arrays are in array order, as ``signal.data.shape`` (HyperSpy's own eager
        methods want (x, y)); on a scan that is not square, (x, y) is recognised and accepted.
    show_progressbar : bool, optional
        For stages of more than a second; default is HyperSpy's preference.

    Returns
    -------
    Unmixing
        Of several signals a list of them, in their order, with the same spectra; of several
        detectors `Detectors`, with the same maps. With ``interactive`` an UnmixTool.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit; the message says what is needed.

    Examples
    --------
    >>> from hyperspy_unmix import data, unmix
    >>> signal, low_loss, truth = data.inclined_boundary()
    >>> spectra, maps = unmix(signal, low_loss=low_loss)
    >>> spectra
    <EELSSpectrum, title: Inclined phase boundary: component spectra, dimensions: (2|928)>
    >>> maps
    <Signal2D, title: Inclined phase boundary: component maps, dimensions: (2|48, 48)>
    """
    how: dict[str, Any] = {
        "algorithm": algorithm,
        "refine": refine,
        "assume": assume,
        "random_state": random_state,
        "known": known,
    }
    check_like(like, has_own_order=interactive or isinstance(signal, Mapping))
    store = store and can_store(_each(signal))
    if interactive:
        return _tool(signal, n_components, how, preprocessing, store)
    found: Any
    if isinstance(signal, Mapping):
        found = unmix_detectors(signal, n_components, how, preprocessing)
    elif isinstance(signal, (list, tuple)):
        found = unmix_together(signal, n_components, how, preprocessing, like)
    else:
        found = unmix_one(signal, n_components, how, preprocessing, like)
    if store:
        for stored_in, result in zip(_each(signal), _each(found), strict=True):
            store_learning_results(stored_in, result)
    return found


def _each(given: Any) -> list[Any]:
    """The signals, or the results, where there may be one or several."""
    if isinstance(given, Mapping):
        return list(given.values())
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _tool(signal: Any, n_components: Any, how: dict[str, Any], given: Any, store: bool) -> Any:
    if isinstance(signal, (list, tuple, Mapping)):
        raise TypeError(
            "interactive=True is for one signal; unmix([s1, s2]) finds what they have in common "
            "without it."
        )
    from .interactive import UnmixTool

    tool = UnmixTool(signal, n_components, how, given, store)
    tool.display()
    return tool


@takes_preprocessing()
def pca(
    signal: BaseSignal,
    n_components: int | NumberOfComponents = "auto",
    **preprocessing: Any,
) -> PCA:
    """Noise-weighted PCA, background subtraction and deconvolution; see `unmix`.

    Parameters
    ----------
    signal, n_components, **preprocessing
        As in `unmix`.

    Returns
    -------
    PCA
        Components, scores, scree and the number chosen; ``.ica()`` unmixes it.

    Examples
    --------
    >>> from hyperspy_unmix import data, pca
    >>> signal, low_loss, truth = data.inclined_boundary()
    >>> p = pca(signal, low_loss=low_loss)
    >>> p.above_noise_edge, p.n_components  # with and without the plural scattering
    (4, 2)
    >>> u = p.ica(3)  # another number, no pass over the data
    """
    return PCA.of_signal(signal, n_components, read_options("pca", preprocessing))


@takes_preprocessing()
def preprocess(signal: BaseSignal, **preprocessing: Any) -> BaseSignal:
    """Background-subtracted single-scattering counts, with their noise; see `unmix`.

    Parameters
    ----------
    signal, **preprocessing
        As in `unmix`.

    Returns
    -------
    BaseSignal
        Of the class of ``signal``, over the analysed range. NaN where masked.

    Examples
    --------
    >>> from hyperspy_unmix import data, preprocess
    >>> signal, low_loss, truth = data.inclined_boundary()
    >>> preprocess(signal, low_loss=low_loss)
    <EELSUnmixSpectrum, title: Inclined phase boundary: preprocessed, dimensions: (48, 48|928)>
    """
    options = read_options("preprocess", preprocessing)
    return PCA.of_signal(signal, "auto", options, only_stable=False).preprocessed()


@takes_preprocessing(*OF_PHYSICS)
def denoise(
    signal: BaseSignal,
    n_components: int | NumberOfComponents = "auto",
    **preprocessing: Any,
) -> BaseSignal:
    """PCA-denoised signal in the units it was measured in.

    Parameters
    ----------
    signal : BaseSignal
    n_components : int, "auto", "noise_edge", "elbow" or "split_half"
        Components to keep; ``"auto"`` keeps all that are above the noise edge.
    **preprocessing
        As in `unmix`, as far as it leaves the units alone.

    Returns
    -------
    BaseSignal
        Of the class of ``signal``, over the analysed range. NaN where masked.

    Examples
    --------
    >>> from hyperspy_unmix import data, denoise
    >>> signal, *_ = data.eds_phases(phases=3)
    >>> denoise(signal)
    <EDSTEMUnmixSpectrum, title: Grains of several phases: denoised, dimensions: (64, 64|1200)>
    """
    options = read_options("denoise", preprocessing, OF_PHYSICS)
    unchanged = replace(options, low_loss=None, background=None, energy_shift=None)
    result = PCA.of_signal(signal, n_components, unchanged, only_stable=False)
    image = result.prepared.image
    is_automatic = n_components == "auto"
    rank = max(result.above_noise_edge, 1) if is_automatic else result.n_components
    signal_part = result.recorded.truncate(rank)
    data = low_rank_image(image, signal_part.scores, signal_part.components)
    return as_image(image, data, "denoised", str(signal.metadata.Signal.signal_type))


@takes_preprocessing()
def estimate_number_of_components(
    signal: BaseSignal,
    *,
    split_half: Literal["fast", "full"] = "fast",
    **preprocessing: Any,
) -> ComponentCount:
    """How many components the counts support, and why; see `unmix`.

    Parameters
    ----------
    signal, **preprocessing
        As in `unmix`.
    split_half : "fast" or "full"
        ``"fast"`` draws the shares of the split-half test from the Gram matrix; ``"full"`` deals
        out every count, in one more pass over the data.

    Returns
    -------
    ComponentCount
        ``consensus`` is the number that the counts support, ``automatic`` what `unmix` takes of
        it. Zero is a legal answer: no structure above the noise.

    Examples
    --------
    >>> from hyperspy_unmix import data, estimate_number_of_components
    >>> signal, low_loss, truth = data.inclined_boundary()
    >>> count = estimate_number_of_components(signal, low_loss=low_loss)
    >>> print(count.reason)
    2 components after taking out background and plural scattering; 4 above the noise before
    """
    check_choice("split_half", split_half, ("fast", "full"))
    options = read_options("estimate_number_of_components", preprocessing)
    result = PCA.of_signal(signal, "auto", options)
    return result.count if split_half == "fast" else result.recounted()
