"""What several detectors said of components together, as one of them shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from hyperspy_unmix.numerics.certainty.ambiguity import Ambiguity
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.separation.sign_and_scale import scaled
from hyperspy_unmix.numerics.types import Floats, Mask
from hyperspy_unmix.settings import Choice, Settings, caution, in_words

from .detectors import Joined, on_all_pixels
from .separated import Separated
from .separation import component_sd


@dataclass(frozen=True, eq=False)
class SeparatedOfDetector(Separated):
    """Components that were separated in the channels of several detectors, in those of one.

    What may be said of the separation is what all detectors say; the noise is that of this one.

    Parameters
    ----------
    joint : Separated
        Over the channels of all.
    start : int
        The first of them that is of this detector.
    scale : array, shape (components,)
        Spectra of this detector over those of ``joint``, in its channels.
    map_noise : array, shape (pixels, components)
        Variance of the maps' noise.
    """

    joint: Separated | None = field(default=None, repr=False)
    start: int = 0
    scale: Floats = field(default_factory=lambda: np.ones(0), repr=False)
    map_noise: Floats = field(default_factory=lambda: np.ones((0, 0)), repr=False)

    @property
    def shared(self) -> tuple[Floats, Floats]:
        """Maps of all detectors and their variance, (pixels that count for all, components)."""
        joint = self._joint
        noise = _noise_of_maps(joint.spectra, joint.arrays.unmixing)
        return joint.arrays.maps, joint.maps_variance(joint.arrays.maps, noise)

    @property
    def _joint(self) -> Separated:
        assert self.joint is not None
        return self.joint

    @cached_property
    def stability(self) -> Floats:
        """Stability index of each component, shape (components,)."""
        return self._joint.stability

    @cached_property
    def ambiguity(self) -> Ambiguity:
        """Ranges of all components."""
        joint, ratio = self._joint.ambiguity, np.abs(self.scale[:, None] / self.scale)
        channels = slice(self.start, self.start + len(self.widths))
        scale = self.scale[:, None] / self.widths
        return Ambiguity(
            joint.lowest * ratio,
            joint.highest * ratio,
            joint.lower[:, channels] * scale,
            joint.upper[:, channels] * scale,
        )

    @property
    def may_lie_under(self) -> Mask:
        """Which components j may lie under which components i, shape (i, j), or may not."""
        return self._joint.may_lie_under

    @cached_property
    def changes(self) -> Floats:
        """Mean products of the changes of the spectra, see `Separated.changes`."""
        ratio = self.scale[:, None] / self.scale
        return np.asarray(self._joint.changes * ratio[:, :, None, None] * ratio)

    @property
    def noise_of_maps(self) -> Floats:
        """Variance of the noise of the maps: they are known from all detectors."""
        return self.map_noise


@dataclass(frozen=True)
class SeenBy:
    """Which components a detector sees.

    Parameters
    ----------
    detector : str
    strength : tuple of float
        Sum of squares that each component adds in its channels, over what noise reaches.
    others : tuple of tuple of str
        The other detectors that see each component.
    """

    detector: str
    strength: tuple[float, ...]
    others: tuple[tuple[str, ...], ...]

    def choices(self) -> Settings:
        """In plain words."""
        values = [round(strength, 1) for strength in self.strength]
        said: Settings = {
            "seen by this detector": Choice(
                values, f"what each component adds to {self.detector}, over what noise reaches: 1"
            )
        }
        unseen = [i for i, strength in enumerate(self.strength) if strength <= 1]
        known = [i for i in unseen if self.others[i]]
        if known:
            which, is_are, maps, spectra = _in_number(known)
            others = in_words(sorted({name for i in known for name in self.others[i]}))
            hint = (
                f"{self.detector} does not see {which}, known from {others} alone: use the "
                f"{maps}; the {spectra} of {self.detector} {is_are} noise, or what too few counts "
                "show of a phase"
            )
            said |= caution(f"not seen by {self.detector}", hint)
        nowhere = [i for i in unseen if not self.others[i]]
        if nowhere:
            hint = (
                f"no detector sees {_in_number(nowhere)[0]} above its noise: ask for fewer, "
                f"n_components={len(self.strength) - len(nowhere)}"
            )
            said |= caution("seen by no detector", hint)
        return said


def _in_number(components: Sequence[int]) -> tuple[str, str, str, str]:
    """Components in words, and the words that go with one or several."""
    names = in_words([str(i) for i in components])
    if len(components) > 1:
        return f"components {names}", "are", "maps", "spectra"
    return f"component {names}", "is", "map", "spectrum"


def of_detector(
    joined: Joined, separated: Separated, detector: int, names: Sequence[str]
) -> SeparatedOfDetector:
    """The components in the channels of one detector, on the pixels that count for all.

    Parameters
    ----------
    joined : Joined
    separated : Separated
        Over the channels of all.
    detector : int
        Its number.
    names : sequence of str
        Of the detectors.
    """
    rank = separated.spectra.rank
    image = joined.counted[detector].prepared.image
    spectra = joined.channels.truncate(rank).of_detector(detector)
    arrays = scaled(
        scores=spectra.scores,
        components=spectra.components,
        unmixing=separated.arrays.unmixing,
        width=image.widths_in_values,
        component_sd=component_sd(spectra),
        sd=spectra.whitening.channel_sd,
        sum_variance=spectra.whitening.sum_variance,
        weight=image.widths_of_values,
    )
    arrays = replace(arrays, confidence=separated.arrays.confidence)
    largest = np.abs(separated.arrays.unmixing).argmax(1)
    rows = np.arange(rank)
    scale = arrays.unmixing[rows, largest] / separated.arrays.unmixing[rows, largest]
    strengths = [_strengths(joined, separated, i) for i in range(len(names))]
    seen = SeenBy(
        names[detector],
        tuple(strengths[detector]),
        tuple(
            tuple(
                name
                for i, name in enumerate(names)
                if i != detector and strengths[i][component] > 1
            )
            for component in range(rank)
        ),
    )
    factor = joined.factors[detector][:, None]
    maps, map_noise = on_all_pixels(
        joined,
        detector,
        arrays.spectra * image.widths_in_values,
        arrays.maps / factor,
        _noise_of_maps(spectra, arrays.unmixing) / factor**2,
    )
    arrays = replace(arrays, maps=maps)
    return SeparatedOfDetector(
        spectra=spectra,
        arrays=arrays,
        energies=image.energies,
        widths=image.widths_in_values,
        visible=separated.visible,
        detail=separated.detail,
        found_by=separated.found_by,
        random_state=separated.random_state,
        findings=(*separated.findings, seen),
        joint=separated,
        start=joined.channels.channels[detector].start,
        scale=scale,
        map_noise=map_noise,
    )


def _strengths(joined: Joined, separated: Separated, detector: int) -> list[float]:
    """Sum of squares that each component adds to those of the others, over the noise edge."""
    unmixing = separated.arrays.unmixing
    spectra = joined.channels.truncate(len(unmixing)).of_detector(detector)
    white = spectra.whitening.whiten(unmixing @ spectra.components)
    errors = np.einsum("ij,jk,ik->i", unmixing, spectra.component_errors(), unmixing)
    edge = joined.counted[detector].edge
    return [float(x) for x in np.sum(white**2, 1) / np.maximum(errors, 1e-300) / edge]


def _noise_of_maps(spectra: LowRank, unmixing: Floats) -> Floats:
    """Variance of the maps' noise, shape (pixels, components)."""
    inverse = np.linalg.inv(unmixing)
    covariance = inverse.T @ (spectra.noise + spectra.model_error) @ inverse
    return np.asarray(np.diag(covariance) / spectra.weights[:, None])
