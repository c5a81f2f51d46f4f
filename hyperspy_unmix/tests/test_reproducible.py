"""The same bits from the same process, and the same answer on any machine."""

import os
import subprocess
import sys

import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.tests.scenes import array

# Threads and vector units add in another order, which changes the last bits of every sum. What is
# made of them differs by 1e-5 to 1e-4 of its own errors (measured on all phantoms, by
# benchmarks/rounding.py); a search that stops short would differ by a hundredth and more.
OF_ERROR = 1e-3  # of the standard deviation of each value
OF_AMBIGUITY = 0.01  # of an end of a range, or of a hundredth of a share where it is less
# random runs that do not settle (one start each) come out elsewhere, of 20 to 30 in all
OF_STABILITY = 0.1
PHANTOMS = {
    "EELS": lambda: data.inclined_boundary(shape=(24, 24)),
    "core loss alone": lambda: data.sphere_on_substrate(shape=(24, 24)),
    "EDS": lambda: data.eds_core_shell(shape=(24, 24)),
    "minerals": lambda: data.eds_phases(phases=4, shape=(24, 24)),
}
WITHOUT_LOW_LOSS = {"core loss alone"}
ON_MACHINES = ("EELS", "core loss alone", "minerals")
# a machine of one thread, one of two, and one without the wide vectors of today's processors
MACHINES = {"one thread": ("1", ""), "two threads": ("2", ""), "short vectors": ("1", "Nehalem")}
SCRIPT = """
import sys, numpy as np, hyperspy.api as hs, hyperspy_unmix
from pathlib import Path
from threadpoolctl import threadpool_info
folder, out, *names = map(Path, sys.argv[1:])
u_kinds = "spectra", "maps"
pools = [p for p in threadpool_info() if p["user_api"] == "blas"]
found = {
    "threads": max(p["num_threads"] for p in pools),
    "kernels": str(sorted(p.get("architecture", "") for p in pools)),
}
for name in map(str, names):
    s = hs.load(folder / f"{name}.hspy")
    low = folder / f"{name}_low.hspy"
    u = hyperspy_unmix.unmix(s, low_loss=hs.load(low) if low.exists() else None)
    found |= {f"{name} {kind}": getattr(u, kind).data for kind in u_kinds}
    found |= {f"{name} {kind} sd": getattr(u, f"{kind}_uncertainty").data for kind in u_kinds}
    found[f"{name} stability"] = u.stability
    found[f"{name} ambiguity"] = u.ambiguity.shares
np.savez(out, **found)
"""


def run(folder, machine):
    threads, kernels = MACHINES[machine]
    out = folder / f"{machine}.npz"
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
    given = [sys.executable, "-c", SCRIPT, str(folder), str(out), *ON_MACHINES]
    environment = os.environ | dict.fromkeys(names, threads)
    if kernels:
        environment["OPENBLAS_CORETYPE"] = kernels
    done = subprocess.run(given, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    with np.load(out) as found:
        return dict(found)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Results of processes as on these machines, of the same files."""
    folder = tmp_path_factory.mktemp("machines")
    for name in ON_MACHINES:
        made = PHANTOMS[name]()
        made.signal.save(folder / f"{name}.hspy")
        if made.low_loss is not None and name not in WITHOUT_LOW_LOSS:
            made.low_loss.save(folder / f"{name}_low.hspy")
    return {machine: run(folder, machine) for machine in MACHINES}


@pytest.mark.parametrize("machine", [name for name in MACHINES if name != "one thread"])
@pytest.mark.parametrize("name", ON_MACHINES)
def test_the_machine_does_not_matter(name, machine, found):
    """Truth: one thread. The same components, in the same order, within a thousandth of errors."""
    one, other = found["one thread"], found[machine]
    assert one["threads"] == 1
    if (one["threads"], one["kernels"]) == (other["threads"], other["kernels"]):
        pytest.skip("this BLAS does as it did")
    for kind in ("spectra", "maps"):
        known, sd = one[f"{name} {kind}"], one[f"{name} {kind} sd"]
        assert other[f"{name} {kind}"].shape == known.shape
        difference = np.abs(other[f"{name} {kind}"] - known)
        np.testing.assert_array_equal(np.isfinite(difference), np.isfinite(known))
        assert not (difference > OF_ERROR * sd).any(), kind
        # errors are told to two digits at most
        np.testing.assert_allclose(other[f"{name} {kind} sd"], sd, rtol=0.005)
    ends = one[f"{name} ambiguity"]
    limit = OF_AMBIGUITY * np.maximum(np.abs(ends), 0.01)
    assert (np.abs(other[f"{name} ambiguity"] - ends) <= limit).all()
    kind = f"{name} stability"
    np.testing.assert_allclose(other[kind], one[kind], rtol=0, atol=OF_STABILITY)


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
