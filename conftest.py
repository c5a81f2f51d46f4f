"""The code in README.md and docs/*.md is run, and what it prints compared: `make docs`."""

import importlib.util
import os
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# Two measured files that the repository may not hold, beside the checkout or where this says.
MEASURED = "HYPERSPY_UNMIX_FEPT"
BESIDE = Path(__file__).resolve().parents[1] / "shared" / "data" / "eds_fept_core_shell"


def start(namespace: dict[str, Any]) -> None:
    """A folder with the files that the pages load, and no windows."""
    import matplotlib

    from docs.sample_files import write_sample_files

    matplotlib.use("agg")
    namespace["_came_from"], namespace["_folder"] = os.getcwd(), TemporaryDirectory()
    os.chdir(namespace["_folder"].name)
    write_sample_files(Path.cwd())
    if BESIDE.is_dir():
        os.environ.setdefault(MEASURED, str(BESIDE))
    namespace["no_measured_files"] = MEASURED not in os.environ


def end(namespace: dict[str, Any]) -> None:
    """Back to where it was started, all figures closed."""
    import matplotlib.pyplot as plt

    plt.close("all")
    os.chdir(namespace["_came_from"])
    namespace["_folder"].cleanup()


# pytest reads this file for the tests of the package too, which do without sybil
if importlib.util.find_spec("sybil") is not None:
    from sybil import Sybil
    from sybil.evaluators.doctest import NUMBER
    from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

    pytest_collect_file = Sybil(
        parsers=[
            PythonCodeBlockParser(doctest_optionflags=ELLIPSIS | NUMBER | NORMALIZE_WHITESPACE),
            SkipParser(),
        ],
        patterns=["README.md", "docs/*.md", "docs/*/*.md"],
        setup=start,
        teardown=end,
    ).pytest()
