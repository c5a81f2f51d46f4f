"""Bad input: low losses of another scan, without their zero-loss peak, clipped, not finite."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.tests.arguments.bad_inputs.rows import Accepted, Refused, Truth
from hyperspy_unmix.tests.scenes import wedge

SCAN = (10, 9)


def on_wedge(change):
    """Keywords' low loss for the core loss of `wedge`, after ``change``."""

    def make():
        low_loss = wedge()[1]
        changed = change(low_loss)
        return low_loss if changed is None else changed

    return make


def core_of_wedge():
    return wedge()[0]


def given_with(change, **keywords):
    return {"low_loss": on_wedge(change), "background": None, "n_components": 1, **keywords}


def as_it_is(low_loss):
    return None


AS_IT_IS = Truth(
    words="the low loss as it was", signal=core_of_wedge, keywords=given_with(as_it_is)
)


def refused(given, says, change, error=ValueError, **more):
    keywords = {"low_loss": on_wedge(change), "background": None}
    return Refused(
        given=given, says=says, error=error, keywords=keywords, **{"signal": core_of_wedge, **more}
    )


def accepted(given, change, **more):
    return Accepted(given=given, keywords=given_with(change), signal=core_of_wedge, **more)


def set_data(value, where=...):
    def change(low_loss):
        low_loss.data[where] = value

    return change


def times(factor):
    def change(low_loss):
        low_loss.data = low_loss.data * factor

    return change


def set_axis(**values):
    def change(low_loss):
        for name, value in values.items():
            setattr(low_loss.axes_manager.signal_axes[0], name, value)

    return change


def as_type(dtype):
    return lambda low_loss: low_loss.change_dtype(dtype)


def non_uniform_core():
    s = wedge()[0]
    s.axes_manager.signal_axes[0].convert_to_non_uniform_axis()
    return s


def reversed_core():
    s = wedge()[0]
    s.axes_manager.signal_axes[0].scale = -1.0
    return s


def nan_spectrum(low_loss):
    one = low_loss.inav[0, 0].deepcopy()
    one.data[3] = np.nan
    return one


def clipped(low_loss):
    """The camera saturates where the zero-loss peak is highest."""
    low_loss.data = np.minimum(low_loss.data, 5000.0)


def tiled(low_loss):
    low_loss.data = np.broadcast_to(low_loss.data[4, 4], low_loss.data.shape)


def masked_array(low_loss):
    low_loss.data = np.ma.array(low_loss.data, mask=low_loss.data > 1000)


def bad_pixels(*places):
    mask = np.zeros(SCAN, bool)
    for place in places:
        mask[place] = True
    return mask


LOW_LOSS = [
    refused("an array as low loss", "low_loss is a ndarray", lambda ll: ll.data, TypeError),
    refused(
        "the name of a file as low loss", "'auto', None or a signal", lambda _: "ll.dm4", TypeError
    ),
    refused(
        "the low loss of a smaller scan",
        r"low_loss has a scan of \(5, 10\).*\(9, 10\)",
        lambda ll: ll.inav[:5],
    ),
    refused(
        "the low loss of one row of the scan",
        r"low_loss has a scan of \(9,\).*\(9, 10\)",
        lambda ll: ll.inav[:, 2],
    ),
    refused(
        "a low loss with the axes of the scan exchanged",
        r"low_loss has a scan of \(10, 9\)",
        lambda ll: ll.transpose(navigation_axes=[1, 0]),
    ),
    refused("energy-filtered images as low loss", "low_loss has 2 signal", lambda ll: ll.T),
    refused("a low loss of complex numbers", "low_loss.*complex", lambda ll: ll * 1j, TypeError),
    refused(
        "a low loss of Python objects",
        "low_loss.*object",
        lambda ll: ll._deepcopy_with_new_data(ll.data.astype(object)),
        TypeError,
    ),
    refused(
        "a low loss without channels",
        "low_loss is empty",
        lambda ll: ll._deepcopy_with_new_data(ll.data[..., :0]),
    ),
    refused(
        "a low loss that begins behind the zero-loss peak",
        "zero-loss peak",
        lambda ll: ll.isig[10.0:],
    ),
    refused("the core loss as its own low loss", "zero-loss peak", lambda _: wedge()[0]),
    refused("a low loss whose axis is 15 eV off", "zero-loss peak.*at 15", set_axis(offset=0.0)),
    accepted(
        "a low loss whose axis is 5 eV off",
        set_axis(offset=-10.0),
        setting="zero-loss peak",
        says="centre",
        truth=AS_IT_IS,
    ),
    accepted(
        "a low loss in keV",
        set_axis(units="keV", scale=1e-3, offset=-0.015),
        setting="zero-loss peak",
        says="keV",
        truth=AS_IT_IS,
    ),
    accepted(
        "a low loss without units", set_axis(units=""), setting="zero-loss peak", truth=AS_IT_IS
    ),
    accepted(
        "a low loss of whole numbers",
        as_type("u4"),
        setting="plural scattering",
        says="per pixel",
        truth=AS_IT_IS,
    ),
    accepted(
        "a low loss of big-endian numbers",
        as_type(">f4"),
        setting="plural scattering",
        says="per pixel",
        truth=AS_IT_IS,
    ),
    accepted(
        "a lazy low loss",
        lambda ll: ll.as_lazy(),
        setting="plural scattering",
        says="per pixel",
        truth=AS_IT_IS,
    ),
    accepted(
        "one low loss for all pixels",
        lambda ll: ll.inav[4, 4],
        setting="plural scattering",
        says="one low loss for all",
    ),
    accepted(
        "one low loss, repeated over the scan",
        tiled,
        setting="plural scattering",
        says="all hold the same spectrum",
        truth=Truth(
            words="that one spectrum as low loss",
            signal=core_of_wedge,
            keywords=given_with(lambda ll: ll.inav[4, 4]),
        ),
    ),
    accepted(
        "a low loss whose zero-loss peak is clipped",
        clipped,
        setting="WARNING: low loss",
        says="clipped.*stands in",
    ),
    accepted(
        "a low loss that ends before most of the inelastic electrons",
        as_it_is,
        setting="WARNING: range",
        says="record a wider range",
    ),
    accepted(
        "a low loss with NaN or infinity in two pixels",
        lambda ll: set_data(np.inf, (4, 4, 5))(ll) or set_data(np.nan, (2, 3))(ll),
        setting="low loss not finite",
        value=2,
        says="masked",
        masked=bad_pixels((2, 3), (4, 4)),
    ),
    accepted(
        "a row of the scan without zero-loss peak",
        set_data(0, 2),
        setting="no zero-loss",
        value=9,
        says="not deconvolved",
    ),
    refused("a low loss that is zero everywhere", "low.loss", set_data(0)),
    refused("a low loss of one value", "zero-loss peak", set_data(5.0)),
    refused("a low loss of NaN", "low_loss.*NaN.*low_loss=None", set_data(np.nan)),
    refused(
        "one low loss for all pixels, with NaN",
        "low_loss.*NaN.*low_loss=None",
        nan_spectrum,
    ),
    refused("a low loss on a falling axis", "low_loss.*rising", set_axis(scale=-1.0)),
    refused("a low loss, upside down", "zero-loss peak", times(-1.0)),
    refused(
        "a cosmic ray in the low loss above all of its zero-loss peaks",
        "zero-loss peak.*at 45",
        set_data(1e7, (3, 3, 60)),
    ),
    refused(
        "a core loss on a falling axis, and a low loss",
        "rising energy axes",
        as_it_is,
        signal=reversed_core,
    ),
    refused(
        "a core loss on a non-uniform axis, and a low loss",
        "uniform energy axis.*interpolate_on_axis",
        as_it_is,
        signal=non_uniform_core,
    ),
    refused(
        "a low loss that ends with the zero-loss peak",
        "low_loss",
        lambda ll: ll.isig[:20],
    ),
    refused(
        "a low loss of nothing but the zero-loss peak: zero behind it",
        "low_loss",
        set_data(0, (..., slice(20, None))),
    ),
    refused(
        "a low loss of values of 10³⁵",
        "low_loss.*large",
        times(1e30),
    ),
    refused(
        "a low loss of values of 10⁻²⁵",
        "low_loss.*small",
        times(1e-30),
    ),
    refused(
        "a low loss next to the greatest of 64-bit floating-point numbers",
        "low_loss.*beyond",
        lambda ll: times(1e308 / ll.data.max())(ll),
    ),
    refused(
        "a low loss in a masked array of numpy",
        "low_loss.*masked array",
        masked_array,
        TypeError,
    ),
]
