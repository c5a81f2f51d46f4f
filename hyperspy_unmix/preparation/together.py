"""Several signals ready to be unmixed together: over the channels that count in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.arguments.checks import check_choice
from hyperspy_unmix.arguments.options import Preprocessing
from hyperspy_unmix.numerics.corrections.falling_window import Window
from hyperspy_unmix.numerics.types import Index
from hyperspy_unmix.settings import WRONG, Choice, Settings, caution, warn_of

from .aligned import Aligned, read_aligned
from .background import BACKGROUND_TYPES, BackgroundFinding, choose_background, with_window
from .common_energies import with_common_energies
from .given_window import can_be_fitted
from .image_reading import LEAST_CHANNELS
from .prepare import Prepared, prepared_from
from .spectrum_image import Image

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

Chosen = tuple[Image, Window, BackgroundFinding]


@dataclass(frozen=True)
class NotInCommon:
    """Channels of a signal that do not count in all those it is unmixed with."""

    channels: int

    def choices(self) -> Settings:
        """In plain words."""
        reason = "channels left out that do not count in the other signals"
        return {"channels in common": Choice(self.channels, reason)}


@dataclass(frozen=True)
class ScatteringInSome:
    """Signals (their numbers) without plural scattering, and those in which it is left."""

    without: tuple[int, ...]
    left_in: tuple[int, ...]

    def choices(self) -> Settings:
        """In plain words."""
        without, left_in = (", ".join(map(str, some)) for some in (self.without, self.left_in))
        hint = (
            f"plural scattering is taken out of signal {without} and not of {left_in}: one phase "
            "then has two spectra. Give a low loss for every signal, or low_loss=None"
        )
        short = (
            f"Plural scattering is out of signal {without}, not of {left_in}: give low_loss of all."
        )
        return caution("low loss in some", hint, short, WRONG)


def prepare_together(
    signals: Sequence[BaseSignal], options: Sequence[Preprocessing]
) -> list[Prepared]:
    """Signals ready for the PCA, over the same channels.

    Those are found before any background window is, which a drift of the energies would narrow
    otherwise: what is taken out of one signal may move an end of its range.

    Raises
    ------
    ValueError
        If there are none, or a window that is given does not fit in them.
    """
    background, shape = options[0].background, options[0].background_type
    check_choice("background_type", shape, BACKGROUND_TYPES)
    each = [read_aligned(signal, own) for signal, own in zip(signals, options, strict=True)]
    each = _with_word_on_scattering(each)
    each = _over_channels_in_common(with_common_energies(each))
    return [
        prepared_from(one, shape, own)
        for one, own in zip(each, _choose_backgrounds(background, shape, each), strict=True)
    ]


def _with_word_on_scattering(each: list[Aligned]) -> list[Aligned]:
    """The same, with a warning where the signals are deconvolved in part."""
    deconvolved = [one.low_loss is not None and one.low_loss.deconvolves for one in each]
    if all(deconvolved) or not any(deconvolved):
        return each
    finding = ScatteringInSome(
        tuple(i for i, done in enumerate(deconvolved) if done),
        tuple(i for i, done in enumerate(deconvolved) if not done),
    )
    warn_of(finding)
    return [replace(one, findings=(*one.findings, finding)) for one in each]


def _over_channels_in_common(each: list[Aligned]) -> list[Aligned]:
    """The same signals, where they differ without the channels that do not count in all."""
    images = [one.image for one in each]
    first, last = max(image.first for image in images), min(image.last for image in images)
    common = reduce(np.intersect1d, [image.blocks.channels for image in images])
    common = common[(common >= first) & (common < last)]
    if len(common) < LEAST_CHANNELS:
        raise ValueError(
            "the signals have no channel in common that holds counts in all of them."
            if len(common) == 0
            else "the signals have one channel in common that holds counts in all of them: at "
            "least 2 are needed."
        )
    lost = [len(image.blocks.channels) - len(common) for image in images]
    if not any(lost) and len({(image.first, image.last) for image in images}) == 1:
        return each
    empty = reduce(np.intersect1d, [image.first + np.flatnonzero(image.empty) for image in images])
    empty = empty[(empty >= first) & (empty < last)]
    return [
        replace(
            one,
            image=_limited(one.image, images, common, empty, (first, last)),
            findings=(*one.findings, NotInCommon(number)) if number else one.findings,
        )
        for one, number in zip(each, lost, strict=True)
    ]


def _limited(
    image: Image, images: list[Image], common: Index, empty: Index, ends: tuple[int, int]
) -> Image:
    """One image over the channels in ``common``.

    What is dead or hot in any of the ``images`` is interpolated in the spectra of all.
    """
    image = image.limited(common, empty, *ends)
    bad = [one.bad_channels for one in images if one.bad_channels is not None]
    if not bad:
        return image
    return replace(image, bad_channels=np.any(bad, 0) & image.masked_channels)


def _choose_backgrounds(background: Any, shape: str, each: Sequence[Aligned]) -> list[Chosen]:
    """Image, window and finding of each signal; one window for all if their own ones differ."""
    try:
        chosen = [choose_background(background, shape, one.low_loss, one.image) for one in each]
    except ValueError as error:
        if len(each) == 1:
            raise
        raise ValueError(f"{error} The range is the one that all signals have in common.") from None
    with_one = [i for i, (_, window, _) in enumerate(chosen) if window.found]
    begin_alike = len({image.first for image, _, _ in chosen}) == 1
    if not with_one or (len(with_one) == len(each) and begin_alike):
        return chosen
    # Only what is found differs: what is given means the same channels in all of them.
    source = max(with_one, key=lambda i: each[i].image.blocks.shape[0])
    image, window, found = chosen[source]
    window = replace(window, reason=f"{window.reason} in signal {source}, for all of them")
    return [
        _shared(window, shape, one.image.drop_channels_before(image.first), own, found.cut_off)
        for one, own in zip(each, chosen, strict=True)
    ]


def _shared(
    window: Window, shape: str, image: Image, own: Chosen, cut_off: tuple[str, ...]
) -> Chosen:
    """One signal with the window of all, unless it is known to have no background.

    ``image`` begins where that of the signal does in which the window was found, without the edges
    ``cut_off``.
    """
    _, own_window, finding = own
    if not (finding.is_zero_loss_tail or own_window.absent):
        if can_be_fitted(shape, image, window.channels):
            image, window, finding = with_window(window, shape, image)
            return image, window, replace(finding, cut_off=cut_off)
        own_window = Window(0, 0, f"no counts in the window {window.reason}")
        finding = BackgroundFinding((), shape, own_window.reason)
    return image, own_window, finding
