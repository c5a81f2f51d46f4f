"""No windows, no progress bars, no figures left over."""

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


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")
