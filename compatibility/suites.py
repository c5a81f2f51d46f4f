"""What is run: the suites, the classes put in place, and the tests that are left out."""

from dataclasses import dataclass

__all__ = ["DOWNLOADS", "OURS", "SIGNAL_TYPES", "SUITES", "TESTS_OF_A_NAME", "Suite"]

# Class of the peer: (module of ours, class of ours).
OURS = {
    "EELSSpectrum": ("hyperspy_unmix.signals.eels", "EELSUnmixSpectrum"),
    "LazyEELSSpectrum": ("hyperspy_unmix.signals.eels", "LazyEELSUnmixSpectrum"),
    "EDSTEMSpectrum": ("hyperspy_unmix.signals.eds", "EDSTEMUnmixSpectrum"),
    "LazyEDSTEMSpectrum": ("hyperspy_unmix.signals.eds", "LazyEDSTEMUnmixSpectrum"),
    "EDSSEMSpectrum": ("hyperspy_unmix.signals.eds", "EDSSEMUnmixSpectrum"),
    "LazyEDSSEMSpectrum": ("hyperspy_unmix.signals.eds", "LazyEDSSEMUnmixSpectrum"),
    "Signal1D": ("hyperspy_unmix.signals.generic", "UnmixSignal1D"),
    "LazySignal1D": ("hyperspy_unmix.signals.generic", "LazyUnmixSignal1D"),
}


@dataclass(frozen=True)
class Suite:
    """Test files of one package, and the classes of it that ours stand in for."""

    package: str
    files: tuple[str, ...]
    replaced: tuple[str, ...]


_EELS = ("EELSSpectrum", "LazyEELSSpectrum")
_EDS = ("EDSTEMSpectrum", "LazyEDSTEMSpectrum", "EDSSEMSpectrum", "LazyEDSSEMSpectrum")
_GENERIC = ("Signal1D", "LazySignal1D")

# Paths are inside the tests of the package; "*" as in a shell, "!" takes files out again.
SUITES = {
    "exspy-eels": Suite(
        "exspy",
        (
            "components/test_*.py",
            "data/test_*.py",
            "drawing/test_plot_model.py",
            "misc/test_eels.py",
            "misc/test_gos.py",
            "models/test_eelsmodel.py",
            "models/test_linear_model.py",
            "signals/test_assign_subclass.py",
            "signals/test_binned.py",
            "signals/test_edges_range.py",
            "signals/test_eels.py",
            "signals/test_kramers_kronig_transform.py",
            "test_non-uniform_not-implemented.py",
        ),
        _EELS,
    ),
    "exspy-eds": Suite(
        "exspy",
        (
            "drawing/test_plot_spectra_markers.py",
            "misc/test_eds*.py",
            "misc/test_material.py",
            "models/test_edsmodel.py",
            "signals/test_eds_sem.py",
            "signals/test_eds_tem.py",
        ),
        _EDS,
    ),
    "hyperspy-signals": Suite(
        "hyperspy",
        (
            "signals/test_*.py",
            "test_non-uniform_not-implemented.py",
            "utils/test_stack.py",
            # of images
            "!signals/test_2D*.py",
            "!signals/test_complex_signal2d.py",
            "!signals/test_find_peaks2D.py",
            "!signals/test_image*.py",
            "!signals/test_rgb.py",
            # needs a graphics card
            "!signals/test_cuda.py",
        ),
        _GENERIC,
    ),
    "hyperspy-io": Suite(
        "hyperspy",
        (
            "axes/test_*.py",
            "model/test_model_as_dictionary.py",
            "model/test_model_storing.py",
            "test_extension_registry.py",
            "test_import.py",
            "test_interactive.py",
            "test_io.py",
            "utils/test_print_known_signal_types.py",
        ),
        _GENERIC,
    ),
    "hyperspy-plotting": Suite(
        "hyperspy",
        (
            "drawing/test_horizontal_plotting.py",
            "drawing/test_plot_histograms.py",
            "drawing/test_plot_lazy.py",
            "drawing/test_plot_model*.py",
            "drawing/test_plot_mva.py",
            "drawing/test_plot_signal.py",
            "drawing/test_plot_signal1d.py",
            "drawing/test_plot_signal_tools.py",
        ),
        _GENERIC,
    ),
    "hyperspy-decomposition": Suite(
        "hyperspy",
        (
            "learn/test_decomposition.py",
            "learn/test_export.py",
            "learn/test_learning_results.py",
        ),
        _GENERIC,
    ),
}

# Left out of both runs: a whole file or a pattern of node ids, and what is downloaded.
_TABLE = "a table of oscillator strengths for exspy, by name or by its numbers"
DOWNLOADS = {
    "tests/misc/test_gos.py": _TABLE,
    "tests/models/test_eelsmodel.py::TestCreateEELSModel::test_*gos_gosh*": _TABLE,
    "tests/models/test_eelsmodel.py::TestCreateEELSModel::test_*gos_file*": _TABLE,
    "tests/data/test_eelsdb.py": "spectra of the EELS Data Base",
}

# Tests that compare the name of the signal type: they get the name of ours as well.
TESTS_OF_A_NAME = (
    "tests/signals/test_assign_subclass.py::Test1d::test_*set_EELS",
    "tests/signals/test_assign_subclass.py::Test2d::test_*s2EELS2im2s",
    "tests/signals/test_1D_tools.py::TestEstimatePeakWidth::test_*full_range",
    "tests/signals/test_eds_sem.py::Test_metadata::test_*SEM_to_TEM",
    "tests/signals/test_eds_tem.py::Test_metadata::test_*TEM_to_SEM",
)
SIGNAL_TYPES = {name: f"{name}_unmix" for name in ("EELS", "EDS_TEM", "EDS_SEM")} | {"": "unmix"}
