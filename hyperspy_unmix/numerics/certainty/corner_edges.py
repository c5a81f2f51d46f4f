"""How far the pixels averaged for a phase may be from the phase itself: mixtures among them."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr
from scipy.stats import chi2

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.separation.pure_pixels import Cloud
from hyperspy_unmix.numerics.types import Floats

MOST_PIXELS = 8192
LEAST_PIXELS = 10  # between two corners, that tell anything of where their edge ends
WINDOW, LARGEST_SHARE = (-6.0, 8.0), 0.5  # in noise about a corner; as a share of the other phase
BIN_WIDTH = 0.25  # of the noise
NOISE_CLASSES = 4
SHARE_NEAR_EDGE = 0.9  # of the noise across the edge
ENDS = np.linspace(-5.0, 2.5, 31)  # of the edge, in noise from the corner, that are tried
NOISE_FACTORS = np.array([0.8, 1.0, 1.25])  # noise at a corner is not that of the mean spectrum
POINTS_ON_EDGE = 40
DECAYS = (0.5, 1.0, 2.0)  # lengths, in noise, of densities that fall off from the end
EM_ROUNDS = 40


def corner_errors(spectra: LowRank, unmixing: Floats) -> Floats:
    """Root mean square of what each corner may hold of the others, shape (corners, corners).

    Pixels within the noise of a corner may be mixtures: their mean then lies inside of the phase.
    Where the edge to another corner ends is looked for in how the pixels along it are distributed,
    see `end_of_edge`.

    Parameters
    ----------
    spectra : LowRank
    unmixing : array, shape (corners, corners)
        Spectra of the corners are ``unmixing @ components``.

    Returns
    -------
    array, shape (corners, corners)
        For spectra of integral one; zero where there are too few pixels to tell.
    """
    cloud = Cloud.of(spectra).thinned(MOST_PIXELS)
    corners = unmixing @ cloud.whitening
    corners = corners / (corners @ cloud.sums)[:, None]
    errors = np.zeros((len(corners), len(corners)))
    for i, j in zip(*np.nonzero(~np.eye(len(corners), dtype=bool)), strict=True):
        shares, sd = _along_edge(cloud, corners[i], corners[j])
        if len(shares) >= LEAST_PIXELS:
            mean, spread = end_of_edge(shares, sd)
            errors[i, j] = np.hypot(mean, spread)
    return errors


def _along_edge(cloud: Cloud, corner: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Shares of the other corner in pixels on the edge between both near one, and their noise."""
    first = corner / np.linalg.norm(corner)
    across = other - (other @ first) * first
    length = np.linalg.norm(across)
    second = across / length
    along, aside = cloud.white @ first, cloud.white @ second
    shares = aside / (cloud.totals * length)
    sd = 1 / (cloud.root_weights * cloud.totals * length)
    bound = np.minimum(LARGEST_SHARE, WINDOW[1] * sd)
    is_near = (shares > WINDOW[0] * sd) & (shares < bound)
    if len(corner) > 2:
        left = np.maximum(np.sum(cloud.white**2, 1) - along**2 - aside**2, 0)
        limit = chi2.ppf(SHARE_NEAR_EDGE, len(corner) - 2)
        is_near &= left * cloud.root_weights**2 < limit
    return shares[is_near], sd[is_near]


def end_of_edge(shares: Floats, sd: Floats) -> tuple[float, float]:
    """Where shares that are known with some noise begin: mean and standard deviation.

    They are a point mass at the end of an edge and exponentially falling, even and rising densities
    from there on, widened by the noise, of maximum likelihood (expectation maximisation); each end
    is as likely as the data are then, and so is each factor of the noise.

    Parameters
    ----------
    shares, sd : array, shape (pixels,)
        Zero is the corner that was found; those up to `WINDOW` or `LARGEST_SHARE` are given.

    Returns
    -------
    tuple of two floats

    References
    ----------
    A. P. Dempster, N. M. Laird, D. B. Rubin, J. R. Stat. Soc. B 39 (1977) 1,
    https://doi.org/10.1111/j.2517-6161.1977.tb01600.x
    """
    unit = float(np.median(sd))
    bound = min(LARGEST_SHARE, WINDOW[1] * unit)
    places, noise, numbers = _in_bins(shares, sd, unit)
    ends = np.repeat(ENDS * unit, len(NOISE_FACTORS))
    factors = np.tile(NOISE_FACTORS, len(ENDS))
    densities = _densities(places, noise, ends, factors, bound)
    logarithm = _log_likelihoods(densities, numbers)
    weights = np.exp(logarithm - logarithm.max())
    weights /= weights.sum()
    mean = float(weights @ ends)
    # No surer than the ends are apart that were tried.
    resolution = (ENDS[1] - ENDS[0]) * unit / np.sqrt(12)
    return mean, float(np.sqrt(weights @ (ends - mean) ** 2 + resolution**2))


def _in_bins(shares: Floats, sd: Floats, unit: float) -> tuple[Floats, Floats, Floats]:
    """Places, noise and numbers of pixels that differ by little."""
    width = BIN_WIDTH * unit
    place = np.floor(shares / width).astype(int)
    edges = np.quantile(sd, np.linspace(0, 1, NOISE_CLASSES + 1)[1:-1])
    group = np.searchsorted(edges, sd)
    pairs, inverse, numbers = np.unique(
        np.stack([place, group], 1), axis=0, return_inverse=True, return_counts=True
    )
    of_pair = np.ravel(inverse)
    mean_sd = np.bincount(of_pair, sd) / numbers
    return (pairs[:, 0] + 0.5) * width, mean_sd, numbers.astype(float)


def _densities(
    places: Floats, noise: Floats, ends: Floats, factors: Floats, bound: float
) -> Floats:
    """Density of each distribution at the places, shape (ends, places, distributions)."""
    noise_of = factors[:, None] * noise
    unit = np.median(noise)
    # Closer to each other near the end.
    steps = ((np.arange(POINTS_ON_EDGE) + 0.5) / POINTS_ON_EDGE) ** 2
    length = bound + 3 * unit - ends
    points = ends[:, None] + np.concatenate([[0.0], steps]) * length[:, None]
    standard = (places[None, :, None] - points[:, None, :]) / noise_of[:, :, None]
    kernel = np.exp(-0.5 * standard**2) / noise_of[:, :, None]
    shapes = np.zeros((len(ends), POINTS_ON_EDGE + 1, 3 + len(DECAYS)))
    shapes[:, 0, 0] = 1
    spacing = np.sqrt(steps)
    shapes[:, 1:, 1] = spacing
    shapes[:, 1:, 2] = spacing * steps
    for k, decay in enumerate(DECAYS):
        shapes[:, 1:, 3 + k] = spacing * np.exp(-steps * length[:, None] / (decay * unit))
    # What lies beyond the bound was not given.
    seen = ndtr((bound - points) / (factors[:, None] * unit))
    return np.asarray(kernel @ (shapes / (seen[:, None, :] @ shapes)))


def _log_likelihoods(densities: Floats, numbers: Floats) -> Floats:
    """Logarithm of the greatest likelihood of mixtures of the densities, shape (ends,)."""
    densities = densities + 1e-12 * densities.max()
    shares = np.full((len(densities), densities.shape[2], 1), 1 / densities.shape[2])
    for _ in range(EM_ROUNDS):
        ratio = numbers[:, None] / (densities @ shares)
        shares = shares * (np.swapaxes(densities, 1, 2) @ ratio) / numbers.sum()
    return np.asarray(np.log(densities @ shares)[..., 0] @ numbers)
