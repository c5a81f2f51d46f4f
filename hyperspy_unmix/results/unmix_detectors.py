"""Components that several detectors of one scan share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.analysis.detectors import Joined, join_detectors, separate_detectors
from hyperspy_unmix.analysis.separated_of_detector import of_detector
from hyperspy_unmix.arguments.checks import check_n_components, check_signal
from hyperspy_unmix.arguments.code_to_repeat import call
from hyperspy_unmix.arguments.options import SeparationOptions, read_options
from hyperspy_unmix.settings import (
    Choice,
    FrozenSettings,
    Settings,
    caution,
    choices_of,
    in_words,
    warn_of,
)

from .detectors import Detectors
from .pca import PCA
from .unmixing import Unmixing, unmixed

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

OF_ALL = ("navigation_mask", "show_progressbar", "spikes")  # options that may be said once for all


@dataclass(frozen=True)
class DetectorsFinding:
    """What the detectors of one scan have in common.

    Parameters
    ----------
    names : tuple of str
        Of the detectors.
    alone : tuple of int
        Components that each sees by itself.
    together : int
        Components of all.
    powers : tuple of float
        Share of each detector in what independence was looked for in.
    pixels, left_out : int
        Pixels that count for all, and that count for some.
    gains : tuple of float
        Standard deviation of the gain of each detector's pixels against the others.
    """

    names: tuple[str, ...]
    alone: tuple[int, ...]
    together: int
    powers: tuple[float, ...]
    pixels: int
    left_out: int
    gains: tuple[float, ...] = ()

    def choices(self) -> Settings:
        """In plain words."""
        alone = in_words([f"{n} by {d}" for d, n in zip(self.names, self.alone, strict=True)])
        of_each = in_words(
            [f"{100 * p:.0f} % {d}" for d, p in zip(self.names, self.powers, strict=True)]
        )
        shared = sum(self.alone) - self.together
        said: Settings = {
            "shared components": Choice(
                shared, f"maps that are found again in another detector (seen alone: {alone})"
            ),
            "evidence": Choice(
                of_each, "of the detail in which independence is looked for: as chance allows"
            ),
        }
        if any(self.gains):
            of_gains = in_words(
                [f"{100 * g:.2g} % {d}" for d, g in zip(self.names, self.gains, strict=True) if g]
            )
            said["gains"] = Choice(
                of_gains,
                "standard deviation over the pixels of what a detector records more of one than "
                "the others do (shadow, absorption, aperture): taken out of the shared maps, since "
                "it would be a component else; the detector's own maps have it",
            )
        if self.left_out:
            said["pixels in common"] = Choice(
                self.pixels,
                f"pixels that count for every detector; {self.left_out} count for some, and have "
                "the maps that fit these",
            )
        if shared >= min(self.alone):
            return said
        hint = (
            f"the detectors see {alone} components alone and {self.together} together: of some "
            "maps nothing is found in the other detector. Phases that one of them sees alone, or "
            "scans that do not lie on each other: compare the maps of each signal unmixed by "
            "itself, and move or crop one by inav[...] where they are shifted"
        )
        return said | caution("maps not shared", hint)


def unmix_detectors(
    signals: Mapping[str, BaseSignal],
    n_components: Any,
    how: dict[str, Any],
    preprocessing: dict[str, Any],
) -> Detectors:
    """One result for each detector, all with the same maps; see `hyperspy_unmix.unmix`.

    Each signal is prepared, compressed and corrected by itself; the whitened spectra of a pixel
    are then separated as one spectrum over the channels of all.
    """
    options = SeparationOptions(**how)
    if options.known is not None:
        raise ValueError(
            "known is for one signal: unmix one of the detectors with it, or leave it out."
        )
    if options.factorises:
        raise ValueError(
            f'algorithm="{options.algorithm}" is for one signal: the spectra of several detectors '
            "are separated by an ICA or pure pixels. Leave algorithm out."
        )
    names = _check(signals)
    each = _one_for_each(preprocessing, names)
    pcas = [
        PCA.of_signal(signal, n_components, own, only_stable=False)
        for signal, own in zip(signals.values(), each, strict=True)
    ]
    asked = check_n_components(n_components, pcas[0].prepared.image.blocks)
    if isinstance(asked, str) and asked != "auto":
        raise ValueError(
            f'n_components={asked!r} is a count of one signal: say a number, or "auto".'
        )
    joined = join_detectors(pcas, asked)
    separated, count, n = separate_detectors(joined, asked, options)
    number = Choice(n, f"asked for; {count.reason}" if isinstance(asked, int) else count.reason)
    finding = _finding(joined, names, separated.detail)
    warn_of(finding, *separated.findings)
    of_all = {"n_components": number, **choices_of((finding, *separated.findings))}
    code = call(
        "hyperspy_unmix.unmix", _typed(names), n_components=n_components, **how, **preprocessing
    )
    results = {}
    for i, (name, pca) in enumerate(zip(names, pcas, strict=True)):
        own = of_detector(joined, separated, i, names)
        warn_of(*own.findings[len(separated.findings) :])
        together = {"together": _others(names, i)}
        choices = {**pca.settings, "n_components": number, **own.choices, **together}
        results[name] = _result(pca, own, choices, f"{code}[{name!r}]")
    return Detectors(results, FrozenSettings(of_all), joined.pixels)


def _result(pca: PCA, own: Any, choices: Mapping[str, Choice], code: str) -> Unmixing:
    """The result of one detector."""
    result = replace(unmixed(pca, own, choices, (code,)), arrays=own.arrays)
    warn_of(*result.own_findings)
    return result


def _finding(joined: Joined, names: Sequence[str], detail: Any) -> DetectorsFinding:
    counting = np.any([one.prepared.image.blocks.pixels for one in joined.counted], 0)
    return DetectorsFinding(
        names=tuple(names),
        alone=joined.alone,
        together=joined.count.consensus,
        powers=detail.shares,
        pixels=int(joined.pixels.sum()),
        left_out=int((counting & ~joined.pixels).sum()),
        gains=tuple(float(np.std(gain)) for gain in joined.gains or ()),
    )


def _check(signals: Mapping[str, BaseSignal]) -> tuple[str, ...]:
    """Names of the detectors; raises unless their signals can be unmixed together."""
    names = tuple(signals)
    if not all(isinstance(name, str) and name.isprintable() and name for name in names):
        raise TypeError(
            f"unmix({{...}}) has the keys {list(names)!r}: words of one line are needed, such as "
            '{"EELS": s, "EDS": e}.'
        )
    if len(names) < 2:
        raise ValueError(
            f"unmix({{...}}) was given {len(names)} detectors, at least 2 are needed; of one "
            "signal say unmix(signal)."
        )
    for name, signal in signals.items():
        try:
            check_signal(signal)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None
    for i, name in enumerate(names):
        for other in names[:i]:
            if signals[name].data is signals[other].data:
                raise ValueError(
                    f"{other} and {name} are the same data, whose noise would be taken for that of "
                    "two detectors: give each its own signal."
                )
    _check_scans(signals)
    return names


def _check_scans(signals: Mapping[str, BaseSignal]) -> None:
    """Raise unless all scans have the same pixels."""
    (first, reference), *others = signals.items()
    shape = tuple(reference.data.shape[:-1])
    for name, signal in others:
        own = tuple(signal.data.shape[:-1])
        if own != shape:
            raise ValueError(
                f"the scan of {name} has {_in_words(own)} pixels, that of {first} "
                f"{_in_words(shape)}: the same pixels are needed. "
                f"{_how_to_match(name, own, first, shape)}"
            )


def _how_to_match(name: str, own: tuple[int, ...], first: str, shape: tuple[int, ...]) -> str:
    """What to do so that two scans have the same pixels."""
    if len(own) == len(shape) and own == shape[::-1]:
        return (
            f"One of them has its axes in another order: {name}.swap_axes(0, 1), if the pictures "
            "then agree."
        )
    if len(own) != len(shape):
        return "Reshape one of them to the axes of the other."
    for one, fine, coarse in ((name, own, shape), (first, shape, own)):
        if all(a % b == 0 and a >= b for a, b in zip(fine, coarse, strict=True)):
            scale = [a // b for a, b in zip(fine, coarse, strict=True)][::-1]
            return (
                f"If both are of the same area, sum pixels: {one}.rebin(scale="
                f"({', '.join(map(str, [*scale, 1]))}))."
            )
    least = [min(a, b) for a, b in zip(own, shape, strict=True)][::-1]
    cut = ", ".join(f":{n}" for n in least)
    return f"If they begin at the same pixel, crop both: .inav[{cut}]."


def _in_words(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape[::-1])


def _one_for_each(given: dict[str, Any], names: Sequence[str]) -> list[Any]:
    """The options of each detector: a mapping by their names, or what is said once for all."""
    each: list[dict[str, Any]] = [{} for _ in names]
    for option, value in given.items():
        if isinstance(value, Mapping):
            unknown = [key for key in value if key not in names]
            if unknown:
                raise ValueError(
                    f"{option} has {', '.join(map(repr, unknown))}, which is no detector: they are "
                    f"{', '.join(names)}."
                )
            for own, name in zip(each, names, strict=True):
                if name in value:
                    own[option] = value[name]
        elif option in OF_ALL or value is None or isinstance(value, str):
            for own in each:
                own[option] = value
        else:
            raise ValueError(
                f"{option} must say of which detector it is: {option}={{{names[0]!r}: ...}}."
            )
    return [read_options("unmix", own) for own in each]


def _typed(names: Sequence[str]) -> str:
    pairs = ", ".join(f"{name!r}: s{i + 1}" for i, name in enumerate(names))
    return f"{{{pairs}}}"


def _others(names: Sequence[str], own: int) -> Choice:
    others = ", ".join(name for i, name in enumerate(names) if i != own)
    return Choice(len(names), f"detectors of one scan with the same maps; the others: {others}")
