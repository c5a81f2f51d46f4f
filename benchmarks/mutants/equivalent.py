"""Changes of the numerics that `mutation.py` does not count against the tests, with the reasons."""

# the names of mutants stay on one line
# ruff: noqa: E501

# Constants whose change may change what a run costs, but not its answer.
PERFORMANCE = {
    ("linear_algebra", "ROWS_PER_PRODUCT"): "rows of one product; their sum is the same",
    ("compression.low_rank", "PIXELS_AT_ONCE"): "pixels worked on at once",
    ("fitting.abundance", "PIXELS_FITTED_AT_ONCE"): "pixels held at once",
    ("reading.block_size", "DEFAULT_BLOCK_SIZE"): "bytes read at once",
    ("reading.dask_passes", "TOTALS_PER_TASK"): "width of the tree in which totals meet",
    ("cleaning.spike_candidates", "TILES_SCREENED_AT_ONCE"): "tiles screened at once",
    ("threads", "MOST_PIXELS_FOR_ONE_THREAD"): "pixels from which threads are worth it",
    ("linear_algebra", "LEAST_ROWS_FOR_KRYLOV"): "another solver is faster then; both are tested",
}

# Mutants that cannot change any result, with the reason. Counted apart.
EQUIVALENT = {
    "fitting.abundance: np.maximum → np.minimum (7)": (
        "where the iteration starts: the likelihood is concave, and its maximum found to the same "
        "tolerance"
    ),
    "fitting.abundance: np.asarray(np.sum(counts * np.log(mean) - mean, 1)) → np.asarray(np.sum(counts * np.log(mean) - mean, 1)) + 1": (
        "likelihoods are only compared with one another"
    ),
    "fitting.abundance: 1 → 0 (18)": "the general product beneath gives the same for one design",
    "certainty.ambiguity: self.trial(part * x).excess <= TOLERATED_EXCESS → self.trial(part * x).excess < TOLERATED_EXCESS": "only for a value that is the tolerance itself",
    "drift.offset_between_images: 2 → 3": "the grid ends at the same step",
    "separation.ica: 0 → 1 (2)": "seed of a solver that is given its start, and draws nothing",
    "fitting.inclined_boundary: np.sum → np.mean": "of as many terms each: the order of the sums is the same",
    "low_loss.analysis: whole_channel_shifts(centres(summary.sample)).any → whole_channel_shifts(centres(summary.sample)).all": "a pass over the data less; what is moved is found by the next one",
    "certainty.mixing_error: True → False (2)": "order of the products in einsum",
    "noise.weights: 1.0 / variance.mean(0) → 1.0 * variance.mean(0)": "where Sinkhorn's sweeps start: they have one limit",
    "noise.weights: len(scaled) < len(v) → len(scaled) <= len(v)": "both Gram matrices have the same leading directions",
    "separation.sign_and_scale: self.unmixing * sign[:, None] → self.unmixing / sign[:, None]": "signs are 1 or -1",
    "separation.sign_and_scale: np.abs(evidence) >= LEAST_CONFIDENCE → np.abs(evidence) > LEAST_CONFIDENCE": "only for evidence that is the limit itself",
    "separation.refine: gain < LEAST_COST_GAIN → gain <= LEAST_COST_GAIN": "only for a gain that is the limit itself",
    "threads: pixels <= MOST_PIXELS_FOR_ONE_THREAD → pixels < MOST_PIXELS_FOR_ONE_THREAD": "threads or not for one number of pixels: the results are the same",
    "cleaning.spike_candidates: np.nanmax → np.nanmin": "screen only: what it lets through is judged again",
    "cleaning.spike_candidates: n_best → n_best + 1": "screen only: what it lets through is judged again",
    "cleaning.spikes: _effective_width(excess) < WIDEST_SPIKE → _effective_width(excess) <= WIDEST_SPIKE": "only for a width that is the limit itself",
    "certainty.stability: 1e-300 → 2e-300": "guards a division by zero: no power is as small",
    "low_loss.thickness_map: values < np.maximum(VACUUM_T_OVER_LAMBDA, significant) → values <= np.maximum(VACUUM_T_OVER_LAMBDA, significant)": (
        "only for a value that is the limit itself"
    ),
    "corrections.background_window: 1 → 0 (5)": "a fifth of eight channels or more is one at least",
    "corrections.background_window: …bs(quarters).max() < MOST_DEVIATION_FROM… → …bs(quarters).max() <= MOST_DEVIATION_FROM…": (
        "only for a bend that is the limit itself"
    ),
    "certainty.ambiguity: excess[1, j] <= 0 → excess[1, j] < 0": "only for a share that ends at the limit itself",
    "certainty.ambiguity: np.abs(spectra.sum(1) - 1) < 0.001 → np.abs(spectra.sum(1) - 1) <= 0.001": "only for an integral that is off by the limit itself",
    "corrections.background_fit: (energies - reference) / width → (energies - reference) * width": "the same polynomials in another unit",
    "separation.derivative: 4 → 5 (2)": "size from which the quicker form is used; both are exact",
    "reading.schedulers: get is get_sync → get is not get_sync": "threads of BLAS, which take time but change no product",
    "low_loss.zero_loss: 1 → 0 (24)": "the width that was found is one channel or more already",
    "low_loss.zero_loss: channel > top → channel >= top": "the greatest value is above its own share",
}
