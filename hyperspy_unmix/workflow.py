"""The stages, one calling the one before: preprocess, pca, unmix, denoise, count."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .dual import Dual, read_low_loss, read_thickness
from .inputs import Choice, Image, Settings, check_n_components, read_image, read_pair
from .numerics.background import Window, window_before_onsets, window_from_data
from .numerics.noise import NoiseModel, estimate_noise, estimate_uniform
from .numerics.pca import compress
from .numerics.physics import correct
from .numerics.rank import LARGEST_AUTOMATIC
from .results import PCA, ComponentCount, Unmixing
from .wrapping import as_image, base_type, low_rank_image

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal
    from numpy.typing import ArrayLike

_logger = logging.getLogger(__name__)

KEPT_BELOW_EDGE = 12
SUBTRACTED = 0.01  # share of negative values before an edge, where there is no background left
MOST_PHYSICS_COMPONENTS = 2 * LARGEST_AUTOMATIC


def unmix(
    signal: BaseSignal,
    n_components: int | Literal["auto"] = "auto",
    *,
    low_loss: BaseSignal | None = None,
    thickness: BaseSignal | tuple[ArrayLike, str] | None = None,
    background: Literal["auto"] | tuple[float, float] | None = "auto",
    signal_range: tuple[float, float] | None = None,
    noise: Literal["auto", "poisson", "uniform"] | BaseSignal = "auto",
    navigation_mask: BaseSignal | ArrayLike | None = None,
    signal_mask: BaseSignal | ArrayLike | None = None,
    random_state: int = 0,
    store: bool = False,
    show_progressbar: bool | None = None,
) -> Unmixing:
    """Component spectra and maps of a spectrum image.

    Parameters
    ----------
    signal : BaseSignal
        One signal axis and at least one navigation axis; any real dtype, eager or lazy. Never
        modified (see ``store`` for its `learning_results`).
    n_components : int or "auto"
        ``"auto"``: those above the noise that also have more signal than noise.
    low_loss : BaseSignal, optional
        EELS low loss of the same scan (or one spectrum for all pixels), with its zero-loss peak.
        Plural scattering is taken out of the core loss with it.
    thickness : BaseSignal or (array, unit), optional
        Map of the thickness, in ``"t/lambda"`` or ``"nm"``; a signal says which in its
        ``metadata.Signal.quantity``, as the result of exspy's ``estimate_thickness`` does.
    background : "auto", None or (start, end)
        Pre-edge window of the background, in the units of the axis. ``"auto"`` finds one on EELS
        and subtracts nothing elsewhere.
    signal_range : (start, end), optional
        Part of the axis to analyse, in its units; default all of it.
    noise : "auto", "poisson", "uniform" or BaseSignal
        Variance of the data; ``"auto"`` estimates it, a signal gives it for every value.
    navigation_mask, signal_mask : BaseSignal or array, optional
        True is excluded. Arrays are in array order, as ``signal.data.shape`` (HyperSpy's own eager
        methods want (x, y)); on a scan that is not square, (x, y) is recognised and accepted.
    random_state : int
        Of the ICA restarts; the same gives the same bits.
    store : bool
        Fill ``signal.learning_results``, so that HyperSpy's own ``plot_bss_results`` and its kin
        work and the result is saved with the signal. The method's default is True.
    show_progressbar : bool, optional
        For lazy signals; default is HyperSpy's preference.

    Returns
    -------
    Unmixing

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
    <EELSSpectrum, title: ...>
    """
    result = pca(
        signal,
        n_components,
        low_loss=low_loss,
        thickness=thickness,
        background=background,
        signal_range=signal_range,
        noise=noise,
        navigation_mask=navigation_mask,
        signal_mask=signal_mask,
        show_progressbar=show_progressbar,
    ).ica(random_state=random_state)
    if store:
        from .learning_results import store_learning_results

        store_learning_results(signal, result)
    return result


def pca(
    signal: BaseSignal,
    n_components: int | Literal["auto"] = "auto",
    *,
    low_loss: BaseSignal | None = None,
    thickness: BaseSignal | tuple[ArrayLike, str] | None = None,
    background: Literal["auto"] | tuple[float, float] | None = "auto",
    signal_range: tuple[float, float] | None = None,
    noise: Literal["auto", "poisson", "uniform"] | BaseSignal = "auto",
    navigation_mask: BaseSignal | ArrayLike | None = None,
    signal_mask: BaseSignal | ArrayLike | None = None,
    show_progressbar: bool | None = None,
) -> PCA:
    """Noise-weighted PCA, background subtraction and deconvolution; see `unmix`.

    Parameters
    ----------
    signal, n_components, low_loss, thickness, background, signal_range, noise, navigation_mask, \
signal_mask, show_progressbar
        As in `unmix`.

    Returns
    -------
    PCA
        Components, scores, scree and the number chosen; ``.ica()`` unmixes it.
    """
    with _progress(signal, show_progressbar):
        prepared = _prepare(
            signal, low_loss, thickness, background, signal_range, noise, navigation_mask,
            signal_mask,
        )
        image, settings = prepared.image, prepared.settings
        asked = check_n_components(n_components, image.blocks)
        least = max(asked or 0, KEPT_BELOW_EDGE)
        raw, scree = compress(image.blocks, image.summary, prepared.noise, least)
    above = min(scree.above_noise_edge, MOST_PHYSICS_COMPONENTS)
    rank = min(max(asked or 0, above, 1), raw.rank)
    corrected = correct(
        raw.truncate(rank), scree.edge, image.energies, prepared.window, prepared.kernel
    )
    settings["noise edge"] = Choice(
        scree.above_noise_edge, "components of the counts as recorded above the noise edge"
    )
    result = PCA.build(prepared, raw, scree, corrected, asked)
    _logger.info("%s", result.count.reason)
    return result


def preprocess(
    signal: BaseSignal,
    *,
    low_loss: BaseSignal | None = None,
    thickness: BaseSignal | tuple[ArrayLike, str] | None = None,
    background: Literal["auto"] | tuple[float, float] | None = "auto",
    signal_range: tuple[float, float] | None = None,
    noise: Literal["auto", "poisson", "uniform"] | BaseSignal = "auto",
    navigation_mask: BaseSignal | ArrayLike | None = None,
    signal_mask: BaseSignal | ArrayLike | None = None,
    show_progressbar: bool | None = None,
) -> BaseSignal:
    """Background-subtracted single-scattering counts, with their noise; see `unmix`.

    Parameters
    ----------
    signal, low_loss, thickness, background, signal_range, noise, navigation_mask, signal_mask, \
show_progressbar
        As in `unmix`.

    Returns
    -------
    BaseSignal
        Of the class of ``signal``, over the analysed range. NaN where masked.
    """
    return pca(
        signal,
        low_loss=low_loss,
        thickness=thickness,
        background=background,
        signal_range=signal_range,
        noise=noise,
        navigation_mask=navigation_mask,
        signal_mask=signal_mask,
        show_progressbar=show_progressbar,
    ).preprocessed()


def denoise(
    signal: BaseSignal,
    n_components: int | Literal["auto"] = "auto",
    *,
    signal_range: tuple[float, float] | None = None,
    noise: Literal["auto", "poisson", "uniform"] | BaseSignal = "auto",
    navigation_mask: BaseSignal | ArrayLike | None = None,
    signal_mask: BaseSignal | ArrayLike | None = None,
    show_progressbar: bool | None = None,
) -> BaseSignal:
    """PCA-denoised signal in the units it was measured in.

    Parameters
    ----------
    signal, signal_range, noise, navigation_mask, signal_mask, show_progressbar
        As in `unmix`.
    n_components : int or "auto"
        Components to keep; ``"auto"`` keeps all that are above the noise edge.

    Returns
    -------
    BaseSignal
        Of the class of ``signal``, over the analysed range. NaN where masked.
    """
    result = pca(
        signal,
        n_components,
        background=None,
        signal_range=signal_range,
        noise=noise,
        navigation_mask=navigation_mask,
        signal_mask=signal_mask,
        show_progressbar=show_progressbar,
    )
    image = result.prepared.image
    automatic = isinstance(n_components, str)
    rank = max(result.above_noise_edge, 1) if automatic else result.n_components
    kept = result.raw.truncate(rank)
    data = low_rank_image(image, kept.scores, kept.components)
    return as_image(image, data, "denoised", str(signal.metadata.Signal.signal_type))


def estimate_number_of_components(
    signal: BaseSignal,
    *,
    low_loss: BaseSignal | None = None,
    thickness: BaseSignal | tuple[ArrayLike, str] | None = None,
    background: Literal["auto"] | tuple[float, float] | None = "auto",
    signal_range: tuple[float, float] | None = None,
    noise: Literal["auto", "poisson", "uniform"] | BaseSignal = "auto",
    navigation_mask: BaseSignal | ArrayLike | None = None,
    signal_mask: BaseSignal | ArrayLike | None = None,
    show_progressbar: bool | None = None,
) -> ComponentCount:
    """How many components the counts support, and why; see `unmix`.

    Parameters
    ----------
    signal, low_loss, thickness, background, signal_range, noise, navigation_mask, signal_mask, \
show_progressbar
        As in `unmix`.

    Returns
    -------
    ComponentCount
        Zero is a legal answer: no structure above the noise.
    """
    return pca(
        signal,
        low_loss=low_loss,
        thickness=thickness,
        background=background,
        signal_range=signal_range,
        noise=noise,
        navigation_mask=navigation_mask,
        signal_mask=signal_mask,
        show_progressbar=show_progressbar,
    ).count


@dataclass(frozen=True)
class Prepared:
    """What the PCA starts from: image, noise model, background window and low loss."""

    image: Image
    noise: NoiseModel
    window: Window
    dual: Dual | None
    thickness: tuple[Any, str] | None
    settings: Settings

    @property
    def kernel(self) -> Any:
        """Plural scattering on the analysed channels, or None."""
        return None if self.dual is None else self.dual.kernel(self.image)


def _prepare(
    signal: BaseSignal,
    low_loss: Any,
    thickness: Any,
    background: Any,
    signal_range: Any,
    noise: Any,
    navigation_mask: Any,
    signal_mask: Any,
) -> Prepared:
    settings: Settings = {}
    image = read_image(
        signal,
        settings,
        signal_range=signal_range,
        noise=noise,
        navigation_mask=navigation_mask,
        signal_mask=signal_mask,
    )
    given = read_thickness(thickness, image, settings)
    dual = None
    if low_loss is not None:
        dual, image = read_low_loss(low_loss, image, settings)
    window = _background_window(background, image, settings)
    if window.found:
        # below the window the background is not known; the spectra begin where it does
        image = image.cropped(int(image.blocks.channels[window.start]))
        window = Window(0, window.stop - window.start, window.reason)
    model = _noise_model(noise, image)
    settings["noise"] = Choice(model.kind, model.describe())
    return Prepared(image, model, window, dual, given, settings)


def _noise_model(noise: Any, image: Image) -> NoiseModel:
    if not isinstance(noise, str):
        return NoiseModel("given")
    if noise == "poisson":
        if image.summary.least < 0:
            raise ValueError(
                "noise='poisson' needs counts, but the data hold negative values "
                f"(down to {image.summary.least:.4g}); use noise='auto', or give the variance as a "
                "signal."
            )
        return NoiseModel("poisson")
    if noise == "uniform":
        return estimate_uniform(image.summary.sample)
    return estimate_noise(image.summary.sample, image.summary.integers)


def _background_window(background: Any, image: Image, settings: Settings) -> Window:
    """Window of the pre-edge background, and the choice on record."""
    energies, mean = image.energies, image.summary.mean
    if background is None:
        window = Window(0, 0, "not asked for")
    elif isinstance(background, str) and background == "auto":
        window = _automatic_window(image)
    elif isinstance(background, str):
        raise TypeError(
            f"background={background!r} is not understood: 'auto', None or (start, end)."
        )
    else:
        start, end = read_pair(background, "background")
        inside = np.flatnonzero((energies >= start) & (energies <= end))
        if start < energies[0] - 1e-9 or end > energies[-1] + 1e-9 or len(inside) < 3:
            raise ValueError(
                f"background=({start:g}, {end:g}) holds {len(inside)} channels of the analysed "
                f"range, which goes from {energies[0]:g} to {energies[-1]:g}. Give a window inside "
                "it, before an edge, with at least 3 channels."
            )
        if energies[inside[0]] <= 0 or mean[inside].mean() <= 0:
            raise ValueError(
                f"background=({start:g}, {end:g}): a power law needs positive energies and counts "
                "in the window. Choose another one, or background=None."
            )
        window = Window(int(inside[0]), int(inside[-1]) + 1, "given")
    if window.found:
        span = (float(energies[window.start]), float(energies[window.stop - 1]))
        settings["background"] = Choice(span, f"power law, window {window.reason}")
    else:
        settings["background"] = Choice(None, f"left alone: {window.reason}")
    return window


def _automatic_window(image: Image) -> Window:
    if base_type(image.signal) != "EELS":
        return Window(0, 0, "only EELS has a pre-edge background to find")
    energies, mean = image.energies, image.summary.mean
    if (np.diff(energies) <= 0).any():
        return Window(0, 0, "the energy axis does not rise")
    onsets = _onsets(image.signal)
    window = window_before_onsets(energies, mean, onsets)
    if not window.found:
        window = _window_from_data(image)
    inside = image.summary.sample[:, window.start : window.stop]
    if window.found and np.mean(inside < 0) > SUBTRACTED:
        return Window(0, 0, "negative values before the edge: it was subtracted already")
    return window


def _window_from_data(image: Image) -> Window:
    energies, mean = image.energies, image.summary.mean
    size = image.summary.group_size
    spread = np.sqrt(np.average((image.summary.groups - mean) ** 2, axis=0, weights=size))
    counts = np.sqrt(np.maximum(mean, 0) / size.sum())
    return window_from_data(energies, mean, np.maximum(counts, spread / np.sqrt(size.sum())))


def _onsets(signal: BaseSignal) -> dict[str, float]:
    """Onsets of the major edges of the signal's elements."""
    elements = signal.metadata.get_item("Sample.elements", default=())
    if not len(elements):
        return {}
    from exspy.material import elements as database

    onsets = {}
    for element in elements:
        try:
            edges = database[str(element)]["Atomic_properties"]["Binding_energies"]
        except (KeyError, AttributeError):
            continue
        for name, edge in edges.as_dictionary().items():
            if edge.get("relevance") == "Major":
                onsets[f"{element}-{name}"] = float(edge["onset_energy (eV)"])
    return onsets


@contextmanager
def _progress(signal: BaseSignal, show: bool | None) -> Iterator[None]:
    """HyperSpy's progress bar over lazy computations."""
    context: Any = nullcontext()
    if getattr(signal, "_lazy", False):
        if show is None:
            from hyperspy.api import preferences

            show = preferences.General.show_progressbar
        if show:
            from dask.diagnostics import ProgressBar

            context = ProgressBar()
    with context:
        yield
