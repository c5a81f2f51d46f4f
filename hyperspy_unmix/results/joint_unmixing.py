"""Components in common of several spectrum images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.analysis.factorised import counts_added
from hyperspy_unmix.analysis.separation import count_stable_components, separate_components
from hyperspy_unmix.arguments.checks import check_n_components, check_signal
from hyperspy_unmix.arguments.code_to_repeat import call
from hyperspy_unmix.arguments.options import SeparationOptions, read_options
from hyperspy_unmix.arguments.recipe import Asked
from hyperspy_unmix.numerics.compression.join_images import join
from hyperspy_unmix.numerics.compression.low_rank import NEGLIGIBLE_SHARE_OF_EDGE, LowRank
from hyperspy_unmix.numerics.compression.number_of_components import (
    ComponentCount,
    choose_rank,
    expected_squared_cosines,
)
from hyperspy_unmix.numerics.corrections.significance import order_by_significance
from hyperspy_unmix.numerics.noise.noise_edge import leading_count, noise_edge
from hyperspy_unmix.preparation.together import prepare_together
from hyperspy_unmix.settings import Choice, warn_of

from .like_another import arranged_like
from .pca import PCA
from .unmixing import Unmixing, unmixed

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

ONE_FOR_EACH = ("low_loss", "thickness", "exposure_ratio", "noise", "navigation_mask")
LEAST_IN_COMMON = 2  # channels, that are worth cutting out
ENERGY_TOLERANCE = 1e-3  # channels, within which two energies are the same


def unmix_together(
    signals: Sequence[BaseSignal],
    n_components: Any,
    how: dict[str, Any],
    preprocessing: dict[str, Any],
    like: Unmixing | None = None,
) -> list[Unmixing]:
    """One result for each signal, all with the same spectra; see `hyperspy_unmix.unmix`.

    Each signal is prepared, compressed and corrected by itself, so that scans of other exposure,
    noise or thickness go together; the compressed spectra are then separated as those of one image.
    """
    options = SeparationOptions(**how)
    if options.known is not None:
        raise ValueError(
            "known is for one signal: unmix one of them with it, and u.apply(other) gives the maps "
            "of the same spectra in the others."
        )
    _check(signals)
    each = [read_options("unmix", own) for own in _one_for_each(preprocessing, len(signals))]
    prepared = prepare_together(signals, each)
    pcas = [PCA.of_prepared(signal, n_components) for signal in prepared]
    asked = check_n_components(n_components, prepared[0].image.blocks)
    together, values, count = _together(pcas, asked)
    n_pixels, n_channels = len(together.scores), together.components.shape[1]
    signal_share = expected_squared_cosines(values[: together.rank], n_pixels, n_channels)[0]
    image = prepared[0].image
    if asked == "auto":
        count = count_stable_components(image, together, signal_share, count)
    n = asked if isinstance(asked, int) else max(count.automatic, 1)
    n = min(n, together.rank)
    number = Choice(n, f"asked for; {count.reason}" if isinstance(asked, int) else count.reason)
    spectra = together.truncate(n)
    added = max(counts_added(options, own.noise, own.corrections) for own in prepared)
    separated = separate_components(
        image, spectra, signal_share[:n], count, options, counts_added=added
    )
    warn_of(*separated.findings)
    choices = {"n_components": number, **separated.choices}
    ends = np.cumsum([0, *(signal.image.blocks.shape[0] for signal in prepared)])
    results, names = [], f"[{', '.join(f's{i + 1}' for i in range(len(signals)))}]"
    for i, pca in enumerate(pcas):
        maps = separated.arrays.maps[ends[i] : ends[i + 1]]
        all_choices = {**pca.settings, **choices, "together": _others(signals, i)}
        arguments = {"n_components": n_components, **how, **preprocessing}
        code = f"{call('hyperspy_unmix.unmix', names, like=like, **arguments)}[{i}]"
        result = unmixed(pca, separated, all_choices, (code,))
        maps = pca.maps_as_recorded(separated.arrays.spectra, maps)
        recipe = Asked().updated(**arguments)
        result = replace(result, arrays=separated.with_maps(maps), asked=recipe)
        warn_of(*result.own_findings)
        results.append(replace(arranged_like(result, like), calls=(code,)))
    return results


def _check(signals: Sequence[BaseSignal]) -> None:
    """Raise unless the signals can be unmixed together."""
    if not signals:
        raise ValueError("no signals were given: unmix([s1, s2, ...]) needs at least one.")
    for i, signal in enumerate(signals):
        try:
            check_signal(signal)
        except (TypeError, ValueError) as error:
            hint = _which_to_take(signals)
            raise type(error)(f"signal {i} of {len(signals)}: {error}{hint}") from None
    first = signals[0].axes_manager.signal_axes[0]
    for i, signal in enumerate(signals[1:], 1):
        axis = signal.axes_manager.signal_axes[0]
        is_alike = axis.size == first.size and str(axis.units) == str(first.units)
        step = float(np.median(np.abs(np.diff(first.axis)))) if first.size > 1 else 1.0
        if not is_alike or np.abs(axis.axis - first.axis).max() > ENERGY_TOLERANCE * step:
            raise ValueError(
                f"signal {i} has {axis.size} channels from {axis.axis[0]:g} to {axis.axis[-1]:g} "
                f"{axis.units}, signal 0 {first.size} from {first.axis[0]:g} to "
                f"{first.axis[-1]:g} {first.units}: the same energies are needed. "
                f"{_how_to_bring_together(axis, first, i)}"
            )


def _how_to_bring_together(axis: Any, first: Any, number: int) -> str:
    """What to call so that a signal has the energies of signal 0."""
    interpolated = (
        f"signals[{number}].interpolate_on_axis(signals[0].axes_manager[-1], -1) brings it to "
        "those of signal 0."
    )
    if str(axis.units) != str(first.units) or not (axis.is_uniform and first.is_uniform):
        return interpolated
    # The same channels, of which one has more: those in common can be cut out.
    offset = (axis.offset - first.offset) / first.scale
    is_whole = abs(offset - round(offset)) < ENERGY_TOLERANCE
    drifted = abs(axis.scale / first.scale - 1) * max(axis.size, first.size)
    start, end = max(0, round(offset)), min(first.size, round(offset) + axis.size)
    if not is_whole or drifted > ENERGY_TOLERANCE or end - start < LEAST_IN_COMMON:
        return interpolated
    own = start - round(offset)
    return (
        f"Give the {end - start} channels in common: signals[0].isig[{start}:{end}] and "
        f"signals[{number}].isig[{own}:{own + end - start}]."
    )


def _which_to_take(signals: Sequence[Any]) -> str:
    """Which signals of a list, as some files are loaded, can be unmixed, and how."""
    if not all(hasattr(signal, "axes_manager") for signal in signals):
        return ""
    axes = [signal.axes_manager for signal in signals]
    images = [
        i
        for i, own in enumerate(axes)
        if own.signal_dimension == 1 and own.navigation_dimension > 0
    ]
    if not images:
        return ""
    calls = " or ".join(f"unmix(signals[{i}])" for i in images)
    return (
        f" Of the list, {', '.join(str(i) for i in images)} can be unmixed (files such as .bcf and "
        f".emd are loaded as a list of all that they hold): {calls}."
    )


def _one_for_each(given: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """The options of each signal."""
    for name in ONE_FOR_EACH:
        if isinstance(given.get(name), list) and len(given[name]) != number:
            raise ValueError(
                f"{name} is a list of {len(given[name])}, one is needed for each of the {number} "
                "signals (None where there is none), or a single one for all."
            )
    return [
        {
            name: value[i] if name in ONE_FOR_EACH and isinstance(value, list) else value
            for name, value in given.items()
        }
        for i in range(number)
    ]


def _together(pcas: Sequence[PCA], asked: int | str) -> tuple[LowRank, Any, ComponentCount]:
    """Compressed spectra of all signals, their values, and how many components they hold."""
    supported = [max(pca.count.consensus + pca.count.drift, 1) for pca in pcas]
    wanted = asked if isinstance(asked, int) else 1
    parts = [
        pca.corrected.spectra.truncate(max(known, wanted))
        for pca, known in zip(pcas, supported, strict=True)
    ]
    pixels = [len(part.scores) for part in parts]
    n, m = sum(pixels), parts[0].components.shape[1]
    level = np.average([pca.noise_level for pca in pcas], weights=pixels)
    edge = float(level * noise_edge(n, m))
    spectra = join(parts, 0.0 if wanted > 1 else NEGLIGIBLE_SHARE_OF_EDGE * edge)
    together, values = order_by_significance(spectra, edge)
    agreed = min(leading_count(values > 1), sum(supported))
    alone = ", ".join(str(pca.count.consensus) for pca in pcas)
    count = choose_rank(values, n, m, agreed, "in all signals together", f" (alone: {alone})")
    return together, values, count


def _others(signals: Sequence[BaseSignal], own: int) -> Choice:
    titles = [
        str(signal.metadata.get_item("General.title", default="")) or f"signal {i}"
        for i, signal in enumerate(signals)
        if i != own
    ]
    return Choice(len(signals), f"signals with the same spectra; the others: {', '.join(titles)}")
