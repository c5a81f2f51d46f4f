"""The same bits from the same process, and the same answer whatever the threads of BLAS."""

import os
import subprocess
import sys

import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.tests.scenes import array

# Threads add the float32 products of a Gram matrix in another order, which changes its last bits
# (6e-8). Principal components and ICA differ by 1e-6 of their greatest value then; where spectra
# and maps are made non-negative, the search for them ends elsewhere within its own tolerance:
# measured up to 0.14 standard deviations, for seven components in 1024 pixels. Nothing within a
# quarter of what the noise of the counts does can be told from it.
TOLERANCE = 0.25  # of the root mean square of a component's standard deviation
# random runs that do not settle (one start each) come out elsewhere, of 20 to 30 in all
OF_STABILITY = 0.1
PHANTOMS = {
    "EELS": lambda: data.inclined_boundary(shape=(24, 24)),
    "EDS": lambda: data.eds_core_shell(shape=(24, 24)),
}
SCRIPT = """
import sys, numpy as np, hyperspy.api as hs, hyperspy_unmix
from pathlib import Path
from threadpoolctl import threadpool_info
folder, out = map(Path, sys.argv[1:])
u_kinds = "spectra", "maps"
found = {"threads": max(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")}
for name in ("EELS", "EDS"):
    s = hs.load(folder / f"{name}.hspy")
    low = folder / f"{name}_low.hspy"
    u = hyperspy_unmix.unmix(s, low_loss=hs.load(low) if low.exists() else None)
    found |= {f"{name} {kind}": getattr(u, kind).data for kind in u_kinds}
    found |= {f"{name} {kind} sd": getattr(u, f"{kind}_uncertainty").data for kind in u_kinds}
    found[f"{name} stability"] = u.stability
np.savez(out, **found)
"""


def run(folder, threads):
    out = folder / f"{threads}.npz"
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
    given = [sys.executable, "-c", SCRIPT, str(folder), str(out)]
    environment = os.environ | dict.fromkeys(names, str(threads))
    done = subprocess.run(given, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    with np.load(out) as found:
        return dict(found)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Results of processes with one thread and with two, of the same files."""
    folder = tmp_path_factory.mktemp("threads")
    for name, make in PHANTOMS.items():
        made = make()
        made.signal.save(folder / f"{name}.hspy")
        if made.low_loss is not None:
            made.low_loss.save(folder / f"{name}_low.hspy")
    return {threads: run(folder, threads) for threads in (1, 2)}


@pytest.mark.parametrize("name", PHANTOMS)
def test_threads_of_blas_do_not_matter(name, found):
    """Truth: one thread. The same number of components, in the same order."""
    one, two = found[1], found[2]
    assert one["threads"] == 1
    if two["threads"] == 1:
        pytest.skip("this BLAS has no threads")
    for kind in ("spectra", "maps"):
        a, b, sd = one[f"{name} {kind}"], two[f"{name} {kind}"], one[f"{name} {kind} sd"]
        assert a.shape == b.shape
        for known, other, error in zip(a, b, sd, strict=True):
            limit = TOLERANCE * np.sqrt(np.nanmean(error**2))
            np.testing.assert_allclose(other, known, rtol=0, atol=limit, err_msg=kind)
        np.testing.assert_allclose(two[f"{name} {kind} sd"], sd, rtol=0, atol=0.05 * sd.max())
    kind = f"{name} stability"
    np.testing.assert_allclose(two[kind], one[kind], rtol=0, atol=OF_STABILITY)


@pytest.mark.parametrize(("name", "lazy"), [("EELS", False), ("EELS", True), ("EDS", False)])
def test_same_process_twice_gives_the_same_bits(name, lazy):
    """Also from another object with the same counts, and with dask's threads in any order."""
    found = []
    for _ in range(2):
        signal, low_loss, _ = PHANTOMS[name]()
        if lazy:
            signal = signal.as_lazy(chunks=(8, 16, -1))
        u = hyperspy_unmix.unmix(signal, low_loss=low_loss)
        kinds = u.spectra, u.maps, u.spectra_uncertainty, u.maps_uncertainty
        found.append(([array(kind).tobytes() for kind in kinds], repr(u)))
    assert found[0] == found[1]
