"""Bad input: empty, constant, saturated, not finite, negative, or with defects of the detector."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from hyperspy_unmix.tests.arguments.bad_inputs.rows import (
    FULL,
    Accepted,
    Refused,
    Truth,
    bad_values,
    filled,
    some_channels,
    some_pixels,
)
from hyperspy_unmix.tests.scenes import PHASES, SHAPE, calibrated, counts, two_phases

ROW = slice(0, 3)  # of the scan


def one_count():
    data = np.zeros(FULL)
    data[3, 3, 3] = 1
    return calibrated(data)


def without(pixels, **keywords):
    """Truth: the scene with these pixels masked."""
    return Truth(
        words="the same with these pixels masked",
        keywords={"navigation_mask": lambda: some_pixels(pixels), **keywords},
    )


def bright():
    """The scene, with counts enough to tell a dead channel from one that is empty by chance."""
    return two_phases(dose=1000.0)


def saturated():
    """Two phases, of which the brightest channels are beyond the greatest 8-bit number."""
    return calibrated(np.minimum(counts(dose=200.0), 255).astype("u1"))


def wrapped_around():
    """Two phases, of which the brightest channels begin again at 0 beyond 255."""
    return calibrated(counts(dose=250.0).astype("u1"))


def cut_off():
    """Two phases in a type that could hold more than the camera gave."""
    return calibrated(np.minimum(counts(dose=4000.0), 4095).astype("f4"))


def gone(channels):
    """Truth: the scene with these channels masked, but for the NaN they are in its spectra."""

    def zero(spectra, maps):
        spectra = spectra.copy()
        spectra[:, channels] = 0
        return spectra, maps

    return Truth(
        words="the same with these channels masked, zero instead of NaN",
        keywords={"signal_mask": lambda: some_channels(channels)},
        change=zero,
    )


def interpolated(spectra, maps):
    """What was measured on either side goes on in channels that were left out."""
    channel = np.arange(spectra.shape[1])
    known = np.isfinite(spectra[0])
    return np.stack([np.interp(channel, channel[known], row[known]) for row in spectra]), maps


def without_counts(pixels):
    """Truth: the scene with these pixels masked, but for the NaN they are in its maps."""

    def zero(spectra, maps):
        maps = maps.copy()
        maps[:, some_pixels(pixels)] = 0
        return spectra, maps

    return Truth(
        words="the same with these pixels masked, zero instead of NaN",
        keywords={"navigation_mask": lambda: some_pixels(pixels)},
        change=zero,
    )


def smoothed():
    """The scene on a larger scan, smoothed in space."""
    return calibrated(gaussian_filter(counts((32, 32)).astype(float), (1, 1, 0)))


def without_noise():
    """What the scene's counts are expected to be."""
    share = np.linspace(0, 1, 120)[::7].repeat(8)[:120].reshape(12, 10, 1)
    return calibrated(60.0 * (share * PHASES[0] + (1 - share) * PHASES[1]))


def hot_in_half():
    s = two_phases()
    s.data[:6, :, 66] += 60
    return s


def hot_everywhere():
    s = bright()
    s.data[..., 66:68] += 2000
    return s


def recorded_twice(line):
    """The scene, of which one line is the one before it once more."""

    def make():
        s = two_phases()
        s.data[line] = s.data[line - 1]
        return s

    return make


def as_the_line_before(line):
    """Truth: the scene with this line masked, where the maps are those of the one before."""

    def repeat(spectra, maps):
        maps = maps.copy()
        maps[:, line] = maps[:, line - 1]
        return spectra, maps

    return Truth(
        words="the same with the second masked, the maps there those of the first",
        keywords={"navigation_mask": lambda: some_pixels(line)},
        change=repeat,
    )


def shifted_along_the_scan():
    """The scene as a shift by up to three channels leaves it; one spectrum is lost."""
    s = two_phases()
    for row in range(SHAPE[0]):
        shift = row // 2 - 2
        s.data[row, :, : max(shift, 0)] = np.nan
        s.data[row, :, s.data.shape[-1] + min(shift, 0) :] = np.nan
    s.data[6, 6] = np.nan
    return s


VALUES = [
    Refused(given="zero everywhere", signal=filled(0.0), says="[Ee]very value is zero"),
    Refused(
        given="zero everywhere, whole numbers",
        signal=filled(0, "u2"),
        says="[Ee]very value is zero",
    ),
    Refused(
        given="one count in all",
        signal=one_count,
        says="[Oo]ne channel|1 channel",
    ),
    Accepted(
        given="the same value everywhere",
        signal=filled(7.0),
        setting="n_components",
        value=1,
        says="component",
    ),
    Accepted(
        given="the same whole number everywhere",
        signal=filled(7, int),
        setting="noise",
        value="uniform",
        says="same variance",
    ),
    Accepted(
        given="every value saturated (65 535)",
        signal=filled(65535, "u2"),
        setting="WARNING: saturated",
        says="65535.*navigation_mask",
    ),
    Accepted(
        given="the same negative value everywhere",
        signal=filled(-7.0),
        setting="negative",
        value=["0"],
        says="take intensity away in total: a difference, not a phase. Look at",
    ),
    Accepted(
        given="rows of the scan without a count",
        signal=bad_values(ROW, 0),
        setting="empty pixels",
        value=int(some_pixels(ROW).sum()),
        says="without a single count",
        truth=without_counts(ROW),
    ),
    Accepted(
        given="columns of the scan without a count",
        signal=bad_values((slice(None), ROW), 0),
        setting="empty pixels",
        value=int(some_pixels((slice(None), ROW)).sum()),
        says="without a single count",
        truth=without_counts((slice(None), ROW)),
    ),
    Accepted(
        given="rows and columns of the scan without a count",
        signal=bad_values((ROW, slice(None)), 0, bad_values((slice(None), ROW), 0)),
        setting="n_components",
        value=2,
        says="component",
    ),
    Accepted(
        given="a row of the scan that is saturated (4 095 in all channels)",
        signal=bad_values(4, 4095),
        setting="flat pixels",
        value=int(some_pixels(4).sum()),
        says="saturated or stuck",
        masked=some_pixels(4),
        truth=without(4),
    ),
    Accepted(
        given="a line of the scan that is recorded twice",
        signal=recorded_twice(5),
        setting="copies",
        value=int(some_pixels(5).sum()),
        says="the spectrum of another",
        truth=as_the_line_before(5),
    ),
    Accepted(
        given="a map that was smoothed in space (Gaussian of one pixel)",
        signal=smoothed,
        setting="WARNING: neighbouring pixels",
        says="share their noise.*rebin",
    ),
    Accepted(
        given="a channel of the detector without a count",
        signal=bad_values((..., 40), 0),
        setting="empty channels",
        value=1,
        says="zero in the result",
        truth=gone([40]),
    ),
    Accepted(
        given="a block of 20 channels without a count",
        signal=bad_values((..., slice(36, 56)), 0),
        setting="empty channels",
        value=20,
        says="zero in the result",
        truth=gone(slice(36, 56)),
    ),
    Accepted(
        given="the last ten channels without a count",
        signal=bad_values((..., slice(70, 80)), 0),
        setting="empty channels",
        value=10,
        says="zero in the result",
        truth=gone(slice(70, 80)),
    ),
    Accepted(
        given="a simulation without noise",
        signal=without_noise,
        keywords={"n_components": 2, "assume": "pure"},
        setting="WARNING: no noise",
        says="simulated or denoised",
    ),
    Accepted(
        given="a dead channel: one count in all of the scan",
        signal=bad_values((0, 0, 66), 1, bad_values((..., 66), 0, bright)),
        setting="dead channels",
        value=1,
        says="left out",
        truth=Truth(
            words="the same with this channel masked, interpolated instead of NaN",
            signal=bright,
            keywords={"signal_mask": lambda: some_channels(66)},
            change=interpolated,
        ),
    ),
    Accepted(
        given="a channel of the camera that is hot in half of the scan",
        signal=hot_in_half,
        setting="dead channels",
        value=1,
        says="changing without them",
        truth=Truth(
            words="the same with this channel masked, interpolated instead of NaN",
            keywords={"signal_mask": lambda: some_channels(66)},
            change=interpolated,
        ),
    ),
    Accepted(
        given="two channels of the camera that are hot in all of the scan",
        signal=hot_everywhere,
        setting="dead channels",
        value=2,
        says="hot",
        truth=Truth(
            words="the same with these channels masked, interpolated instead of NaN",
            signal=bright,
            keywords={"signal_mask": lambda: some_channels(slice(66, 68))},
            change=interpolated,
        ),
    ),
    Accepted(
        given="NaN in a channel of two pixels",
        signal=bad_values((slice(0, 2), 3, 5), np.nan),
        setting="not finite",
        value=2,
        says="NaN or infinity were masked",
        masked=some_pixels((slice(0, 2), 3)),
        truth=without((slice(0, 2), 3)),
    ),
    Accepted(
        given="minus infinity in a channel of three pixels",
        signal=bad_values((4, slice(0, 3), 0), -np.inf),
        setting="not finite",
        value=3,
        says="NaN or infinity were masked",
        masked=some_pixels((4, slice(0, 3))),
        truth=without((4, slice(0, 3))),
    ),
    Accepted(
        given="a pixel of nothing but NaN",
        signal=bad_values((2, 3), np.nan),
        setting="not finite",
        value=1,
        says="masked",
        masked=some_pixels((2, 3)),
        truth=without((2, 3)),
    ),
    Accepted(
        given="NaN in three pixels, one of them masked",
        signal=bad_values((4, slice(0, 3), 5), np.nan),
        keywords={"navigation_mask": lambda: some_pixels((4, 0))},
        setting="not finite",
        value=2,
        says="masked",
        masked=some_pixels((4, slice(0, 3))),
        truth=without((4, slice(0, 3))),
    ),
    Accepted(
        given="NaN in all rows of the scan but one",
        signal=bad_values(slice(1, None), np.nan),
        setting="not finite",
        value=110,
        says="masked",
        masked=some_pixels(slice(1, None)),
        truth=without(slice(1, None)),
    ),
    Accepted(
        given="NaN in a channel, in every pixel",
        signal=bad_values((..., 3), np.nan),
        setting="NaN channels",
        value=1,
        says="left out: 1 between that are NaN in most spectra",
        excluded=some_channels(3),
        truth=Truth(
            words="the same with this channel masked",
            keywords={"signal_mask": lambda: some_channels(3)},
        ),
    ),
    Accepted(
        given="NaN in the first channel of one pixel",
        signal=bad_values((4, 2, 0), np.nan),
        setting="not finite",
        value=1,
        says="masked",
        masked=some_pixels((4, 2)),
        truth=without((4, 2)),
    ),
    Accepted(
        given="NaN in the first two channels of every third line (spectra that were shifted)",
        signal=bad_values((slice(0, None, 3), slice(None), slice(0, 2)), np.nan),
        setting="NaN channels",
        value=2,
        says="2 at the low end, that are NaN in some spectra",
        truth=Truth(
            words="the same counts without these channels",
            keywords={"signal_range": (104.0, 258.0)},
        ),
    ),
    Accepted(
        given="NaN at both ends, of more channels along the scan, and in all of one pixel",
        signal=shifted_along_the_scan,
        setting="NaN channels",
        value=5,
        says="3 at the low end and 2 at the high end",
        masked=some_pixels((6, 6)),
        truth=Truth(
            words="the same counts without these channels and this pixel",
            keywords={
                "signal_range": (106.0, 254.0),
                "navigation_mask": lambda: some_pixels((6, 6)),
            },
        ),
    ),
    Refused(
        given="infinity in a channel, in every pixel",
        signal=bad_values((..., 3), np.inf),
        says="[Ee]very pixel.*signal_mask",
    ),
    Accepted(
        given="NaN in some channels, which `signal_mask` excludes",
        signal=bad_values((..., slice(0, 6)), np.nan),
        keywords={"signal_mask": lambda: np.arange(80) < 6},
        setting="signal_mask",
        value=6,
        says="excluded",
        excluded=some_channels(slice(0, 6)),
        truth=Truth(
            words="the same counts without the NaN",
            keywords={"signal_mask": lambda: np.arange(80) < 6},
        ),
    ),
    Accepted(
        given="NaN in a channel outside of `signal_range`",
        signal=bad_values((..., 3), np.nan),
        keywords={"signal_range": (120, 250)},
        setting="signal_range",
        value=(120, 250),
        says="given",
        truth=Truth(words="the same counts without the NaN", keywords={"signal_range": (120, 250)}),
    ),
    Refused(given="NaN everywhere", signal=filled(np.nan), says="[Ee]very pixel.*NaN"),
    Refused(given="infinity everywhere", signal=filled(np.inf), says="[Ee]very pixel.*infinity"),
    Accepted(
        given="negative values (a dark reference was subtracted)",
        signal=lambda: two_phases() - 20.0,
        setting="noise",
        value="scatter",
        says="variance",
    ),
    Accepted(
        given="negative values only",
        signal=lambda: two_phases() * -1.0,
        setting="negative",
        value=["0", "1"],
        says="take intensity away in total: a difference, not a phase. Look at",
    ),
    Accepted(
        given="8-bit numbers, saturated in the brightest channels",
        signal=saturated,
        setting="WARNING: saturated",
        says="255.*navigation_mask",
    ),
    Accepted(
        given="8-bit numbers, begun again at 0 in the brightest channels",
        signal=wrapped_around,
        # more are counted, which takes seconds
        keywords={"n_components": 2},
        setting="WARNING: wrapped around",
        says="beyond 255 have begun again",
    ),
    Accepted(
        given="floating-point numbers, cut off at 4 095 by a camera of 12 bits",
        signal=cut_off,
        setting="WARNING: saturated",
        says="4095 and pile up",
    ),
    Accepted(
        given="a cosmic ray: a million counts in one channel of one pixel",
        signal=bad_values((3, 4, 40), 1e6),
        setting="spikes",
        value=1,
        says="replaced by these neighbours",
    ),
    Accepted(
        given="a value of minus a million in one channel of one pixel",
        signal=bad_values((3, 4, 40), -1e6),
        setting="spikes",
        value=1,
        says="replaced by these neighbours",
    ),
]
