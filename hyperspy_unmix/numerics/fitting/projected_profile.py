"""What a plane or a layer through a foil looks like across its trace, with its derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from hyperspy_unmix.numerics.types import Floats

LEAST_SHARE_OF_PIXEL = 1e-3  # a width below has no derivative in floating point


@dataclass(frozen=True)
class Ramp:
    """Share of the thickness beyond a plane, and its derivatives, each of shape (pixels,)."""

    value: Floats
    by_position: Floats
    by_width: Floats
    by_variance: Floats


def ramp(x: Floats, width: Floats, variance: Floats | float, pixel: float) -> Ramp:
    """Projection of an inclined plane, seen with a Gaussian and a pixel.

    Rises from 0 to 1 linearly over ``width`` about zero, convolved with a Gaussian and averaged
    over a pixel: the second difference of G(x) = ((x^2 + v) Phi(x/s) + s x phi(x/s)) / 2, whose
    second derivative is the cumulative normal distribution Phi. As for heat, the derivative by the
    variance v = s^2 is half the second one by the position.

    Parameters
    ----------
    x : array, shape (pixels,)
        Distance from the plane at half its depth.
    width : array, shape (pixels,)
        Of the plane in projection, in the unit of ``x``.
    variance : array or float
        Of the Gaussian.
    pixel : float
        Width of a pixel.

    Returns
    -------
    Ramp
    """
    s = np.sqrt(np.maximum(variance, (LEAST_SHARE_OF_PIXEL * pixel) ** 2))
    width = np.maximum(width, LEAST_SHARE_OF_PIXEL * pixel)
    corners = [
        (sign, end, _integrals(x + end * width / 2 + side * pixel / 2, s))
        for end, side, sign in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))
    ]
    area = width * pixel
    value = sum(sign * twice for sign, _, (twice, _, _) in corners) / area
    by_end = sum(sign * end * once for sign, end, (_, once, _) in corners) / (2 * area)
    return Ramp(
        value=np.asarray(value),
        by_position=np.asarray(sum(sign * once for sign, _, (_, once, _) in corners) / area),
        by_width=np.asarray(by_end - value / width),
        by_variance=np.asarray(sum(sign * step for sign, _, (_, _, step) in corners) / (2 * area)),
    )


def layer(x: Floats, thick: float, width: Floats, variance: Floats | float, pixel: float) -> Ramp:
    """The same for a layer ``thick`` wide between two planes, over ``thick``; its area is one."""
    thick = max(thick, 10 * LEAST_SHARE_OF_PIXEL * pixel)
    first = ramp(x + thick / 2, width, variance, pixel)
    last = ramp(x - thick / 2, width, variance, pixel)
    return Ramp(
        value=(first.value - last.value) / thick,
        by_position=(first.by_position - last.by_position) / thick,
        by_width=(first.by_width - last.by_width) / thick,
        by_variance=(first.by_variance - last.by_variance) / thick,
    )


def layer_by_thick(
    x: Floats, thick: float, width: Floats, variance: Floats | float, pixel: float
) -> Floats:
    """Derivative of `layer` by ``thick``: the ends' slopes, less what the area of one takes."""
    thick = max(thick, 10 * LEAST_SHARE_OF_PIXEL * pixel)
    first = ramp(x + thick / 2, width, variance, pixel)
    last = ramp(x - thick / 2, width, variance, pixel)
    ends = (first.by_position + last.by_position) / 2
    return np.asarray((ends - (first.value - last.value) / thick) / thick)


def _integrals(x: Floats, s: Floats | float) -> tuple[Floats, Floats, Floats]:
    """Second antiderivative, first antiderivative and value of the cumulative distribution."""
    step = ndtr(x / s)
    normal = s * np.exp(-0.5 * (x / s) ** 2) / np.sqrt(2 * np.pi)
    return ((x**2 + s**2) * step + x * normal) / 2, x * step + normal, step
