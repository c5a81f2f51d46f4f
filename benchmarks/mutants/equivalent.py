"""Changes of the numerics that `mutation.py` does not count against the tests, with the reasons."""

# the names of mutants stay on one line
# ruff: noqa: E501

# Constants of a module whose change may change what a run costs, but not its answer.
PERFORMANCE = {
    ("products", "ROWS"): "rows of one product; the sum over products is the same",
    ("pca", "PIXELS"): "pixels worked on at once",
    ("abundance", "ROWS"): "pixels held at once",
    ("blocks", "BLOCK_SIZE"): "bytes read at once",
    ("chunks", "TOGETHER"): "width of the tree in which totals meet",
    ("spike_candidates", "TILES"): "tiles screened at once",
    ("schedulers", "FEW"): "pixels from which threads are worth it",
    ("eigen", "LARGE"): "size from which another solver is faster; both are tested",
}

# Mutants that cannot change any result, with the reason. Counted apart.
EQUIVALENT = {
    "abundance: np.maximum → np.minimum (7)": (
        "where the iteration starts: the likelihood is concave, and its maximum found to the same "
        "tolerance"
    ),
    "abundance: np.asarray(np.sum(counts * np.log(safe) - safe, 1)) → np.asarray(np.sum(counts * np.log(safe) - safe, 1)) + 1": (
        "likelihoods are only compared with one another"
    ),
    "abundance: 1 → 0 (18)": "the general product beneath gives the same for one design",
    "ambiguity: self.tried(part * x).excess <= TOLERANCE → self.tried(part * x).excess < TOLERANCE": "only for a value that is the tolerance itself",
    "energy_offset: 2 → 3": "the grid ends at the same step",
    "ica: 0 → 1 (2)": "seed of a solver that is given its start, and draws nothing",
    "inclination: np.sum → np.mean": "of as many terms each: the order of the sums is the same",
    "low_loss: whole_channels(centres(summary.sample)).any → whole_channels(centres(summary.sample)).all": "a pass over the data less; what is moved is found by the next one",
    "mixing_error: True → False (2)": "order of the products in einsum",
    "noise: 1.0 / variance.mean(0) → 1.0 * variance.mean(0)": "where Sinkhorn's sweeps start: they have one limit",
    "noise: len(scaled) < len(v) → len(scaled) <= len(v)": "both Gram matrices have the same leading directions",
    "normalise: self.unmixing * sign[:, None] → self.unmixing / sign[:, None]": "signs are 1 or -1",
    "normalise: np.abs(evidence) >= CLEAR → np.abs(evidence) > CLEAR": "only for evidence that is the limit itself",
    "refine: gain < SETTLED → gain <= SETTLED": "only for a gain that is the limit itself",
    "schedulers: pixels <= FEW → pixels < FEW": "threads or not for one number of pixels: the results are the same",
    "spike_candidates: np.nanmax → np.nanmin": "screen only: what it lets through is judged again",
    "spike_candidates: min(MOST, int((excess > 0).sum())) → min(MOST, int((excess > 0).sum())) + 1": "screen only: what it lets through is judged again",
    "spikes: _width(excess) < WIDEST → _width(excess) <= WIDEST": "only for a width that is the limit itself",
    "stability: 1e-300 → 2e-300": "guards a division by zero: no power is as small",
    "thickness: values < np.maximum(VACUUM, … → values <= np.maximum(VACUUM, …": (
        "only for a value that is the limit itself"
    ),
    "window: 1 → 0 (5)": "a fifth of eight channels or more is one at least",
    "window: …bs(quarters).max() < MOST_BENT + 3 * noi… → …bs(quarters).max() <= MOST_BENT + 3 * noi…": (
        "only for a bend that is the limit itself"
    ),
    "ambiguity: excess[1, j] <= 0 → excess[1, j] < 0": "only for a share that ends at the limit itself",
    "ambiguity: np.abs(spectra.sum(1) - 1) < 0.001 → np.abs(spectra.sum(1) - 1) <= 0.001": "only for an integral that is off by the limit itself",
    "background: (energies - reference) / width → (energies - reference) * width": "the same polynomials in another unit",
    "derivative: 4 → 5 (2)": "size from which the quicker form is used; both are exact",
    "schedulers: get is get_sync → get is not get_sync": "threads of BLAS, which take time but change no product",
    "zero_loss: 1 → 0 (24)": "the width that was found is one channel or more already",
    "zero_loss: number > top → number >= top": "the greatest value is above its own share",
}
