"""A pytest plugin that records outcomes and, where asked, puts our classes in place.

The runner gives it the suite, the folder for the records, and whether our classes are to be put
in place, in environment variables, which the workers of pytest-xdist inherit.
"""

import builtins
import importlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import wraps
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
from stand_ins import replace_downloads
from suites import DOWNLOADS, OURS, SIGNAL_TYPES, SUITES, TESTS_OF_A_NAME

_SUITE = SUITES[os.environ["PEERS_SUITE"]]
_FOLDER = Path(os.environ["PEERS_FOLDER"])
_WITH_OURS = os.environ["PEERS_WITH_OURS"] == "1"
_LEAVE_OUT = DOWNLOADS if os.environ["PEERS_DOWNLOADS"] == "0" else {}

_replaced: dict[type, type] = {}
_made: Counter[str] = Counter()
_used_in: set[str] = set()
_excluded: dict[str, str] = {}
_renamed: dict[str, str] = {}
_outcomes: dict[str, list[str]] = {}


def pytest_configure(config: pytest.Config) -> None:
    """Put our classes in place before any test module is imported."""
    replace_downloads()
    if _WITH_OURS:
        _put_in_place()


def _put_in_place() -> None:
    """Let the public names and the registry of extensions lead to our classes."""
    import exspy.signals
    import hyperspy.signals
    from hyperspy.extensions import ALL_EXTENSIONS

    for name in _SUITE.replaced:
        public = exspy.signals if "EELS" in name or "EDS" in name else hyperspy.signals
        module, class_name = OURS[name]
        _replaced[getattr(public, name)] = getattr(importlib.import_module(module), class_name)
    stand_in = ModuleType("peers_registered")
    sys.modules[stand_in.__name__] = stand_in
    for theirs, ours in _replaced.items():
        name = theirs.__name__
        public = exspy.signals if "EELS" in name or "EDS" in name else hyperspy.signals
        setattr(public, name, ours)
        setattr(stand_in, name, ours)
        ALL_EXTENSIONS["signals"][name]["module"] = stand_in.__name__
        _count_instances(ours)


def _count_instances(cls: type) -> None:
    """Count each time that an object is made, or turned into, one of this very class."""
    own = vars(cls).get("__init__")

    @wraps(cls.__init__)
    def counted(self, *args, **kwargs):
        if type(self) is cls:
            _made[cls.__name__] += 1
        if own is None:
            super(cls, self).__init__(*args, **kwargs)
        else:
            own(self, *args, **kwargs)

    cls.__init__ = counted


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests out that need a download, and finish the replacement in the modules."""
    kept, left_out = [], []
    for item in items:
        pattern = next((p for p in _LEAVE_OUT if fnmatchcase(_plain(item.nodeid), p)), None)
        if pattern is None:
            kept.append(item)
        else:
            left_out.append(item)
            _excluded[item.nodeid] = pattern
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)
    for item in kept if _WITH_OURS else []:
        pattern = next((p for p in TESTS_OF_A_NAME if fnmatchcase(_plain(item.nodeid), p)), None)
        if pattern is not None:
            _renamed[item.nodeid] = pattern
            _rename_in(item.function)
    for module in {item.module for item in items if getattr(item, "module", None)}:
        _replace_in(module)


def _plain(node_id: str) -> str:
    """Without brackets, which mean something else in a pattern."""
    return node_id.replace("[", "(").replace("]", ")")


def _replace_in(module: ModuleType) -> None:
    """Replace classes that a test module imported from where they are defined."""
    for name, value in list(vars(module).items()):
        if isinstance(value, type) and value in _replaced:
            setattr(module, name, _replaced[value])
    if _replaced:
        module.isinstance = _isinstance


def _isinstance(instance: object, classes: object) -> bool:
    """Ours stands for theirs: an EELS signal is no less a Signal1D than before."""
    theirs = {ours: base for base, ours in _replaced.items()}
    if isinstance(classes, tuple):
        return any(_isinstance(instance, one) for one in classes)
    return builtins.isinstance(instance, theirs.get(classes, classes))


def _rename_in(function: Callable[..., None]) -> None:
    """Exchange the literal names of signal types in a test, and in the one that it wraps."""
    code = function.__code__
    constants = (SIGNAL_TYPES.get(c, c) if isinstance(c, str) else c for c in code.co_consts)
    function.__code__ = code.replace(co_consts=tuple(constants))
    for cell in function.__closure__ or ():
        if isinstance(cell.cell_contents, FunctionType):
            _rename_in(cell.cell_contents)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    """Note whether an object of our classes was made in the test."""
    before = _made.total()
    result = yield
    if _made.total() > before:
        _used_in.add(item.nodeid)
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep the outcome of a test, the worst of its phases."""
    outcome = _outcome(report)
    if outcome and (report.failed or report.nodeid not in _outcomes):
        _outcomes[report.nodeid] = [outcome, _reason(report)]


def _outcome(report: pytest.TestReport) -> str:
    if report.when != "call":
        names = {"failed": "error", "skipped": "skipped", "passed": ""}
        outcome = names[report.outcome]
    else:
        outcome = report.outcome
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return outcome


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Type of the exception; the message may hold addresses and names of classes."""
    if not report.failed:
        return ""
    crash = getattr(report.longrepr, "reprcrash", None)
    message = crash.message if crash else str(report.longrepr)
    return message.split("\n")[0].split(":")[0].strip()[:100]


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A file that cannot be imported is a failure too."""
    if report.failed:
        text = str(report.longrepr)
        reason = "ConnectionError" if "ConnectionError" in text else "not importable"
        _outcomes[report.nodeid] = ["error", reason]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write what this process knows; the runner puts the pieces together."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    record = {
        "outcomes": _outcomes if worker == "main" else {},
        "excluded": _excluded,
        "renamed": _renamed,
        "made": dict(_made),
        "used_in": sorted(_used_in),
    }
    (_FOLDER / f"{worker}.json").write_text(json.dumps(record))
