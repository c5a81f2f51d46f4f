"""Low losses of known thickness: Poisson series of plasmons behind any zero-loss peak."""

import numpy as np
from scipy.special import erfcx, ndtr

PLASMON, WIDTH = 22.0, 2.5


def axis(scale, start=-15.0, end=130.0):
    """Energies of channels of this width."""
    return start + scale * np.arange(round((end - start) / scale))


def per_channel(energies, scale, centre, sd, tail=0.0):
    """Integral over each channel of a Gaussian, or of one with an exponential tail, of mean 0.

    The exponentially modified Gaussian of ``scipy.stats.exponnorm``, for any number of centres.
    """
    edges = np.append(energies - scale / 2, energies[-1] + scale / 2)
    x = (edges - np.asarray(centre)[..., None] + tail) / sd
    found = ndtr(x)
    if tail:
        decay = sd / tail
        found = found - 0.5 * np.exp(-0.5 * x**2) * erfcx((decay - x).clip(-25) / np.sqrt(2))
    return np.diff(found)


def low_loss(energies, t, sd, centre=0.0, tail=0.0, orders=8):
    """Expected spectra per incident electron, shape (pixels, channels); exp(-t) is zero loss.

    ``t`` and ``centre`` are one for all spectra or one for each. The plasmon is narrow enough for
    nothing of it to lie under a zero-loss peak of up to 2 eV.
    """
    scale = energies[1] - energies[0]
    t, centre = np.broadcast_arrays(*np.atleast_1d(t, centre))
    weight = np.exp(-t)[:, None]
    total = weight * per_channel(energies, scale, centre, sd, tail)
    for k in range(1, orders):
        weight = weight * t[:, None] / k
        plural = np.hypot(sd, WIDTH * k**0.5)
        total = total + weight * per_channel(energies, scale, centre + k * PLASMON, plural)
    return total


def cramer_rao(energies, sd, counts, tail=0.0, within=np.inf):
    """Least standard deviation of the peak's position, from channels ``within`` of its centre.

    Closed form: one over the root of the Fisher information of Poisson counts; numerical slope.
    """
    scale, step = energies[1] - energies[0], 1e-4
    low, high = (per_channel(energies, scale, c, sd, tail) for c in (-step, step))
    level = (low + high) / 2
    used = (np.abs(energies) <= within) & (level > 1e-12 * level.max())
    slope = (high - low)[used] / (2 * step)
    return 1 / np.sqrt(counts * np.sum(slope**2 / level[used]))
