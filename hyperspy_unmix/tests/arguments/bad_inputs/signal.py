"""Bad input: what is no spectrum image, too small, or has other axes than most."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np

from hyperspy_unmix.tests.arguments.bad_inputs.rows import FULL, Accepted, Refused, Truth, of
from hyperspy_unmix.tests.scenes import calibrated, counts, two_phases


def cut(channels):
    """The scene with some of its channels, counts untouched."""
    return lambda: hs.signals.Signal1D(counts().astype(float)[..., channels])


def with_axis(**values):
    """The scene with another energy axis."""

    def make():
        s = two_phases()
        for name, value in values.items():
            setattr(s.axes_manager.signal_axes[0], name, value)
        return s

    return make


def titled(title):
    def make():
        s = two_phases()
        s.metadata.General.title = title
        return s

    return make


WIDTHS = np.gradient(100 + np.arange(80.0) ** 1.2)  # of the channels of `non_uniform`


def non_uniform(binned=True):
    def make():
        s = two_phases()
        axis = s.axes_manager.signal_axes[0]
        axis.convert_to_non_uniform_axis()
        axis.axis = 100 + np.arange(80.0) ** 1.2
        axis.is_binned = binned
        return s

    return make


def per_unit(spectra, maps):
    """Truth: values as recorded are densities, whose integral is over channels of any width."""
    integral = 2 * spectra @ WIDTHS
    return 2 * spectra / integral[:, None], maps * integral[:, None, None]


def energy_first_in_memory():
    data = np.ascontiguousarray(np.moveaxis(counts().astype(float), -1, 0))
    return hs.signals.BaseSignal(data).transpose(signal_axes=[2])


def scan(shape):
    def as_line(spectra, maps):
        return spectra, maps.reshape(len(maps), *shape)

    return Accepted(
        given=f"{len(shape)} navigation {'axis' if len(shape) == 1 else 'axes'}",
        signal=lambda: two_phases(shape),
        truth=Truth(
            words="the same pixels along a line",
            signal=lambda: calibrated(counts(shape).reshape(-1, 80).astype(float)),
            change=as_line,
            keywords={"spikes": None},
        ),
        keywords={"spikes": None},  # looked for among neighbours in space
    )


PLAIN = Truth(words="the same counts on a calibrated axis", signal=two_phases)
ON_CHANNELS = Truth(
    words="the same counts on a calibrated axis, per channel instead of per eV",
    change=lambda spectra, maps: (2 * spectra, maps),
)
REVERSED = Truth(words="the same counts on a rising axis")

SIGNAL = [
    Refused(
        given="an array instead of a signal",
        signal=lambda: np.ones(FULL),
        error=TypeError,
        says="ndarray.*HyperSpy signal",
    ),
    Refused(
        given="nothing (`None`)",
        signal=lambda: None,
        error=TypeError,
        says="NoneType.*HyperSpy signal",
    ),
    Refused(
        given="a single spectrum, without navigation axes",
        signal=lambda: hs.signals.Signal1D(np.ones(80)),
        says="no navigation axes",
    ),
    Refused(
        given="images, with two signal axes",
        signal=lambda: hs.signals.Signal2D(np.ones(FULL)),
        says="2 signal axes, one is needed",
    ),
    Refused(
        given="a map of one number a pixel, without a signal axis",
        signal=lambda: hs.signals.Signal1D(np.ones(FULL)).T.T.sum(-1),
        says="0 signal axes, one is needed",
    ),
    Refused(given="no pixels", signal=of(np.zeros((0, 4, 80))), says="empty"),
    Refused(given="no channels", signal=of(np.zeros((4, 4, 0))), says="empty"),
    Refused(
        given="one channel",
        signal=cut(slice(24, 25)),
        says="one channel|1 channel",
    ),
    Accepted(
        given="two channels",
        signal=cut(slice(24, 26)),
        setting="n_components",
        value=1,
        says="component",
    ),
    Accepted(given="three channels", signal=cut(slice(24, 27)), setting="n_components", value=1),
    Accepted(
        given="one pixel",
        signal=lambda: two_phases((1,)),
        setting="n_components",
        value=1,
        says="component",
    ),
    Accepted(
        given="one pixel, in a scan of 1 × 1",
        signal=lambda: two_phases((1, 1)),
        setting="n_components",
        value=1,
        says="component",
    ),
    Accepted(
        given="two pixels",
        signal=lambda: two_phases((2,)),
        setting="n_components",
        value=2,
        says="component",
    ),
    Accepted(
        given="fewer pixels (5) than channels (80)",
        signal=lambda: two_phases((5,)),
        setting="n_components",
        value=2,
        says="component",
    ),
    Accepted(
        given="fewer channels (5) than pixels (120)",
        signal=cut(slice(22, 27)),
        setting="n_components",
        value=1,
        says="component",
    ),
    Refused(
        given="an empty list of signals",
        signal=list,
        says="no signals were given.*at least one",
        stages=False,
    ),
    Refused(
        given="a list of a signal and an array",
        signal=lambda: [two_phases(), np.ones(FULL)],
        error=TypeError,
        says="signal 1 of 2.*ndarray",
        stages=False,
    ),
    Refused(
        given="a list of signals over different energies",
        signal=lambda: [two_phases(), two_phases(offset=1000.0)],
        says="from 1000 to 1158 eV.*same energies are needed",
        stages=False,
    ),
    Refused(
        given="a list of signals, and `interactive=True`",
        signal=lambda: [two_phases()],
        keywords={"interactive": True},
        error=TypeError,
        says="interactive=True is for one signal",
        stages=False,
    ),
]

AXES = [
    *[scan(shape) for shape in [(60,), (12, 5), (3, 5, 4), (2, 3, 5, 2)]],
    Accepted(
        given="a navigation axis of one pixel",
        signal=lambda: two_phases((60, 1)),
        keywords={"spikes": None},
        truth=Truth(
            words="the same pixels along a line",
            signal=lambda: two_phases((60,)),
            keywords={"spikes": None},
            change=lambda spectra, maps: (spectra, maps.reshape(len(maps), 60, 1)),
        ),
    ),
    Accepted(
        given="a transposed signal, the energy its first axis",
        signal=energy_first_in_memory,
        keywords={"spikes": None},
        truth=Truth(
            words="the same counts on a calibrated axis, per channel instead of per eV",
            keywords={"spikes": None},
            change=lambda spectra, maps: (2 * spectra, maps),
        ),
    ),
    Accepted(
        given="an energy axis without units, name and calibration",
        signal=lambda: hs.signals.Signal1D(counts().astype(float)),
        truth=ON_CHANNELS,
    ),
    Accepted(given="an axis in units that nobody knows", signal=with_axis(units="☃"), truth=PLAIN),
    Accepted(
        given="a falling energy axis",
        signal=with_axis(scale=-2.0, offset=258.0),
        truth=REVERSED,
    ),
    Accepted(
        given="a non-uniform energy axis, binned",
        signal=non_uniform(),
        setting="values",
        value="per channel",
        truth=Truth(
            words="the same counts on a uniform axis, per eV of its own channels",
            change=lambda spectra, maps: (2 * spectra / WIDTHS, maps),
        ),
    ),
    Accepted(
        given="counts on a non-uniform energy axis that is not binned",
        signal=non_uniform(binned=False),
        setting="WARNING: values",
        says="is_binned = True",
        truth=Truth(
            words="the same densities on a uniform axis, integrated over its own channels",
            change=per_unit,
        ),
    ),
    Accepted(
        given="an energy axis that begins at 10¹² eV", signal=with_axis(offset=1e12), truth=PLAIN
    ),
    Refused(
        given="an energy axis whose channels have no width (scale 0)",
        signal=with_axis(scale=0.0),
        says="axis",
    ),
    Refused(
        given="an energy axis that begins at NaN",
        signal=with_axis(offset=np.nan),
        says="axis",
    ),
    Accepted(given="no title", signal=titled(""), truth=PLAIN),
    Accepted(
        given="a title in another script: 粒界 — Å µm² ☃",
        signal=titled("粒界 — Å µm² ☃"),
        truth=PLAIN,
    ),
    Accepted(given="a title of two lines", signal=titled("first\nsecond %s {x}"), truth=PLAIN),
]
