"""Do two versions of the package give the same numbers? Saves what one gives, compares the other.

    python benchmarks/same_answers.py save before.npz     # in a checkout of the one version
    python benchmarks/same_answers.py compare before.npz  # in a checkout of the other

For every phantom, with and without drift, lazy, joint and by pure pixels: spectra, maps, their
variances, stability, ambiguity, model, residual, preprocessed counts and what is printed. Uses
public names only, so that it runs on any version.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

ARRAYS = {
    "spectra": lambda u: u.spectra.data,
    "maps": lambda u: u.maps.data,
    "spectra uncertainty": lambda u: u.spectra_uncertainty.data,
    "maps uncertainty": lambda u: u.maps_uncertainty.data,
    "counts variance": lambda u: u.spectra_counts.metadata.Signal.Noise_properties.variance.data,
    "stability": lambda u: u.stability,
    "ambiguity": lambda u: u.ambiguity.shares,
    "upper bound": lambda u: u.ambiguity.upper.data,
    "model": lambda u: u.model().data,
    "residual": lambda u: u.residual().data,
    "background": lambda u: None if u.background is None else u.background.data,
    "chi-square": lambda u: u.reduced_chi_square.data,
    "thickness": lambda u: None if u.thickness is None else u.thickness.data,
    "energy shift": lambda u: None if u.energy_shift is None else u.energy_shift.data,
    "preprocessed": lambda u: u.pca.preprocessed().data,
    "scree": lambda u: u.pca.scree_values,
}


def results() -> Iterator[tuple[str, Callable[[], Any]]]:
    """Results by name, each made when called."""
    from hyperspy_unmix import data, unmix

    for name in (name for name in data.__all__ if name[0].islower()):
        signal, low_loss, _ = getattr(data, name)()
        yield name, lambda s=signal, ll=low_loss: unmix(s, low_loss=ll)
        if low_loss is not None:
            yield f"{name}, core loss alone", lambda s=signal: unmix(s)
        yield f"{name}, pure", lambda s=signal, ll=low_loss: unmix(s, low_loss=ll, assume="pure")
    for drift in (0.4, 2.5, 6.0):
        signal, low_loss, _ = data.inclined_boundary(drift=drift)
        yield f"drift {drift}", lambda s=signal, ll=low_loss: unmix(s, low_loss=ll)
        yield f"drift {drift}, core loss alone", lambda s=signal: unmix(s)
    signal, low_loss, _ = data.inclined_boundary(drift=2.5)
    yield "low loss unmixed", lambda: unmix(low_loss)
    yield "lazy", lambda: unmix(signal.as_lazy(), low_loss=low_loss.as_lazy())
    (first, its_low_loss, _), (second, other_low_loss, _) = (
        data.inclined_boundary(seed=seed) for seed in (1, 2)
    )
    pair, low_losses = [first, second], [its_low_loss, other_low_loss]
    yield "joint", lambda: unmix(pair, low_loss=low_losses)[1]
    known = unmix(first, low_loss=its_low_loss)
    yield "applied", lambda: known.apply(second, low_loss=other_low_loss)
    yield "reversed", lambda: known.reorder([1, 0]).reverse(0).rename(["one", "other"])
    yield "another window", lambda: known.pca.with_background((460.0, 520.0)).ica(3)


def numbers_and_words() -> tuple[dict[str, Any], dict[str, str]]:
    """What this version gives: arrays, and what is printed, by name."""
    arrays, words = {}, {}
    for name, make in results():
        try:
            result = make()
        except ValueError as error:
            words[name] = str(error)
            continue
        for what, get in ARRAYS.items():
            found = get(result)
            if found is not None:
                arrays[f"{name}: {what}"] = np.asarray(found)
        words[name] = f"{result!r}\n{result.code}"
        print(f"  {name}", file=sys.stderr)
    return arrays, words


def differences(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """A line for each array that is not the same to the bit."""
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            yield f"{name}: only {'before' if name in before else 'after'}"
            continue
        one, other = before[name], after[name]
        if one.shape != other.shape:
            yield f"{name}: {one.shape} and {other.shape}"
        elif not np.array_equal(one, other, equal_nan=True):
            scale = np.nanmax(np.abs(one)) or 1.0
            largest = np.nanmax(np.abs(one.astype(float) - other)) / scale
            nan = "" if np.array_equal(np.isnan(one), np.isnan(other)) else ", NaN elsewhere"
            yield f"{name}: differs by {largest:.1e} of the largest value{nan}"


def main() -> int:
    """Save or compare; 1 where something differs."""
    import hyperspy.api as hs

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("save", "compare"))
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    hs.preferences.General.show_progressbar = False
    arrays, words = numbers_and_words()
    if options.what == "save":
        np.savez(options.file, words=json.dumps(words), **arrays)
        return 0
    with np.load(options.file) as saved:
        before = {name: saved[name] for name in saved.files if name != "words"}
        words_before = json.loads(str(saved["words"]))
    found = list(differences(before, arrays))
    print(f"{len(before)} arrays of {len(words_before)} results, {len(found)} differ")
    print(*found, sep="\n")
    for name in sorted(words_before.keys() | words.keys()):
        one, other = words_before.get(name, ""), words.get(name, "")
        if one != other:
            print(f"{name} prints something else:")
            lines = set(one.splitlines()) ^ set(other.splitlines())
            print(*(f"  {line}" for line in sorted(lines)), sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
