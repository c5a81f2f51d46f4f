"""No windows, no progress bars, no figures left over."""

import gc
import os

os.environ["MPLBACKEND"] = "agg"
# tiny arrays: the threads of parallel test runs would only wait for each other
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hyperspy.api as hs
import matplotlib.pyplot as plt
import pytest

hs.preferences.General.show_progressbar = False


def _can_import_zarr():
    """It may be there and not go with the numcodecs that is."""
    try:
        import zarr  # noqa: F401
    except Exception:
        return False
    return True


def pytest_collection_modifyitems(items):
    """HyperSpy writes .zspy only where zarr can be imported, which is in the extra `all`."""
    if not _can_import_zarr():
        without = pytest.mark.skip(reason="no zarr: hyperspy-unmix[all]")
        for item in items:
            if "zspy" in item.name.lower():
                item.add_marker(without)


def pytest_collection_finish():
    """What was imported is no garbage, and to look through it takes a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")
