"""What a release states in several places must agree: `make check-release`, `make check-tag`.

Run in the development environment, with the wheel and the sdist in dist/.
"""

import argparse
import contextlib
import io
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement

import hyperspy_unmix

ROOT = Path(__file__).resolve().parents[1]
VERSION = hyperspy_unmix.__version__
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# Packages that conda-forge calls otherwise, or has in a smaller variant.
CONDA_NAMES = {"dask": "dask-core", "hyperspy": "hyperspy-base", "matplotlib": "matplotlib-base"}
PACKAGED = {".gz", ".json", ".md", ".py", ".toml", ".typed", ".yaml"}
SDIST_ONLY = {".gitignore", "CHANGES.md", "CITATION.cff", "LICENSE", "PKG-INFO", "README.md"}
MEGABYTES = {"wheel": 1.5, "sdist": 1.2}  # half of the wheel are its tests and their pictures
TEXT = {".cff", ".md", ".py", ".rst", ".toml", ".txt", ".yaml", ".yml"}


def read(name: str) -> str:
    """The text of a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def project() -> Any:
    """The metadata in pyproject.toml."""
    return PROJECT["project"]


def files() -> list[str]:
    """Names of the files that are in the repository, or would be after `git add`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def workflows() -> dict[str, dict[str, Any]]:
    """The workflows by their file name."""
    folder = ROOT / ".github" / "workflows"
    return {p.name: yaml.safe_load(p.read_text(encoding="utf-8")) for p in folder.glob("*.yml")}


def addresses() -> Iterator[str]:
    """Every address of the repository and of its pages is the one in pyproject.toml."""
    urls = project()["urls"]
    repository, pages = urls["Homepage"], urls["Documentation"]
    owner, name = repository.removeprefix("https://github.com/").split("/")
    if pages != f"https://{owner}.github.io/{name}/":
        yield f"pyproject.toml: {pages} is not where GitHub puts the pages of {repository}"
    for label in ("Changelog", "Issues"):
        if not urls[label].startswith(f"{repository}/"):
            yield f"pyproject.toml: {label} is not below {repository}"
    ours = re.compile(
        r"https://(?:github\.com/[\w.-]+|[\w.-]+\.github\.io)/hyperspy[-_]unmix(?![\w-])"
    )
    binder = re.compile(r"https://mybinder\.org/v2/gh/[\w.-]+/[\w.-]+")
    launched = {f"https://mybinder.org/v2/gh/{owner}/{name}"}
    for file in files():
        if Path(file).suffix in TEXT:
            for found in set(binder.findall(read(file))) - launched:
                yield f"{file}: {found} does not launch {repository}"
            for found in set(ours.findall(read(file))) - {repository, pages.rstrip("/")}:
                yield f"{file}: {found} is neither {repository} nor {pages}"


def requirements() -> Iterator[str]:
    """Every direct dependency has a lower bound, or `make test-oldest` tests something absurd."""
    groups = {"dependencies": project()["dependencies"], **project()["optional-dependencies"]}
    groups["build-system"] = PROJECT["build-system"]["requires"]
    for group, texts in groups.items():
        for requirement in map(Requirement, texts):
            own = requirement.name == project()["name"]
            if not own and not any(s.operator in (">=", "==", "~=") for s in requirement.specifier):
                yield f"pyproject.toml: {requirement} in {group} has no lower bound"


def pythons() -> Iterator[str]:
    """The versions of Python that are promised are the ones that are tested."""
    prefix = "Programming Language :: Python :: 3."
    promised = {f"3.{c.removeprefix(prefix)}" for c in project()["classifiers"] if prefix in c}
    matrix = workflows()["tests.yml"]["jobs"]["tests"]["strategy"]["matrix"]
    tested = {*matrix["python"], *(row["python"] for row in matrix["include"])}
    if promised != tested:
        yield f"Classifiers promise Python {sorted(promised)}, tests.yml tests {sorted(tested)}"
    oldest = min(promised, key=lambda version: int(version.partition(".")[2]))
    if project()["requires-python"] != f">={oldest}":
        yield f"requires-python is not >={oldest}"
    if PROJECT["tool"]["mypy"]["python_version"] != oldest:
        yield f"mypy does not check for Python {oldest}"


def targets() -> Iterator[str]:
    """Every `make` command that is written down exists."""
    known = set(re.findall(r"^([a-z-]+):", read("Makefile"), flags=re.MULTILINE))
    command = re.compile(r"(?:`|run: |^)make((?: [a-z][a-z-]*)+)", flags=re.MULTILINE)
    for file in files():
        if file.startswith((".github/", "release/", "changes/")) or file.endswith(".md"):
            for names in command.findall(read(file)):
                for name in set(names.split()) - known:
                    yield f"{file}: the Makefile has no target {name!r}"


def hooks() -> Iterator[str]:
    """The hooks lint by `make lint`, which has one version of ruff and mypy."""
    config = yaml.safe_load(read(".pre-commit-config.yaml"))
    all_hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    if not any(hook.get("entry") == "make lint" for hook in all_hooks):
        yield ".pre-commit-config.yaml: no hook runs `make lint`"
    for repo in config["repos"]:
        if any(tool in yaml.safe_dump(repo).lower() for tool in ("ruff", "mypy")):
            yield ".pre-commit-config.yaml: a hook brings a ruff or mypy of its own"


def citation() -> Iterator[str]:
    """CITATION.cff names no version, and the same licence and authors."""
    cited = yaml.safe_load(read("CITATION.cff"))
    for key in ("version", "date-released"):
        if key in cited:
            yield f"CITATION.cff: {key} would be wrong after the next release"
    if cited["license"] != project()["license"]:
        yield "CITATION.cff: another licence than pyproject.toml"
    if [a["name"] for a in cited["authors"]] != [a["name"] for a in project()["authors"]]:
        yield "CITATION.cff: other authors than pyproject.toml"


def extra(name: str) -> list[str]:
    """Requirements of an extra, with those of the extras that it names."""
    found: list[str] = []
    for text in project()["optional-dependencies"][name]:
        requirement = Requirement(text)
        own = requirement.name == project()["name"]
        found += [r for e in requirement.extras for r in extra(e)] if own else [text]
    return found


def for_conda(texts: list[str]) -> set[str]:
    """Requirements as a recipe writes them."""

    def limits(requirement: Requirement) -> str:
        return ",".join(sorted(map(str, requirement.specifier), reverse=True))  # >= before <

    return {
        f"{CONDA_NAMES.get(r.name, r.name)} {limits(r)}".strip() for r in map(Requirement, texts)
    }


def differences(where: str, found: set[str], expected: set[str]) -> Iterator[str]:
    """What is missing in a list, and what is in it without a reason."""
    for item in sorted(expected - found):
        yield f"{where}: {item!r} is missing"
    for item in sorted(found - expected):
        yield f"{where}: {item!r} is not in pyproject.toml"


def recipe() -> Iterator[str]:
    """The recipe for conda-forge asks for what pyproject.toml asks for."""
    where, conda = "release/conda/recipe.yaml", yaml.safe_load(read("release/conda/recipe.yaml"))
    oldest = project()["requires-python"].removeprefix(">=")
    run = for_conda(project()["dependencies"]) | {"python >=${{ python_min }}"}
    host = for_conda(PROJECT["build-system"]["requires"]) | {"pip", "python ${{ python_min }}.*"}
    scripts = {f"{name} = {path}" for name, path in project()["scripts"].items()}
    yield from differences(f"{where}, run", set(conda["requirements"]["run"]), run)
    yield from differences(f"{where}, host", set(conda["requirements"]["host"]), host)
    found = set(conda["build"]["python"]["entry_points"])
    yield from differences(f"{where}, entry points", found, scripts)
    tests = for_conda(extra("tests")) | {"python ${{ python_min }}.*"}
    found = set(conda["tests"][1]["requirements"]["run"])
    yield from differences(f"{where}, tests", found, tests)
    if conda["context"] != {"version": "@VERSION@", "python_min": oldest}:
        yield f"{where}: the context is not the mark of the version and Python {oldest}"
    for key, value in {
        "license": project()["license"],
        "summary": project()["description"],
    }.items():
        if conda["about"][key] != value:
            yield f"{where}: another {key} than pyproject.toml"


def signal_rows() -> list[str]:
    """The rows of this package as the list makes them, by HyperSpy's own function."""
    import hyperspy.api as hs
    from prettytable import TableStyle

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        hs.print_known_signal_types(style=TableStyle.MARKDOWN)
    return [line for line in printed.getvalue().splitlines() if "hyperspy_unmix" in line]


def extensions_list() -> Iterator[str]:
    """The entry for the list of extensions is what the list would come to."""
    where = "release/hyperspy_extensions_list.md"
    blocks = dict(re.findall(r"```text (\w+)\n(.*?)\n```", read(where), flags=re.DOTALL))
    if blocks["line"] != project()["name"]:
        yield f"{where}: the line is not {project()['name']}"
    if not blocks["row"].startswith(f"| [hyperspy_unmix]({project()['urls']['Homepage']}) "):
        yield f"{where}: the row does not begin with the name and address of the package"
    if blocks["signals"].splitlines() != signal_rows():
        yield "\n".join([f"{where}: the signal types are", *signal_rows()])


def members(name: str, packed: list[str], megabytes: float, limit: float) -> Iterator[str]:
    """A wheel or sdist holds code and what it needs, no pictures and no data."""
    if megabytes > limit:
        yield f"{name} is {megabytes:.1f} MB, more than {limit} MB"
    for path in packed:
        if "/tests/plotting/baseline/" in path or Path(path).suffix not in PACKAGED:
            yield f"{name} holds {path}"


def wheel() -> Iterator[str]:
    """The wheel: version, contents, and no link that leads nowhere."""
    (path,) = (ROOT / "dist").glob("*.whl")
    if path.name != f"hyperspy_unmix-{VERSION}-py3-none-any.whl":
        yield f"{path.name} is not of version {VERSION}"
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        (metadata,) = (n for n in names if n.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode("utf-8")
    packed = [n for n in names if ".dist-info/" not in n]
    yield from members("The wheel", packed, path.stat().st_size / 1e6, MEGABYTES["wheel"])
    message = message_from_string(text)
    description = str(message.get_payload() or message["Description"])
    for target in re.findall(r"\]\((?!https?://|#)([^)]*)\)", description):
        yield f"README.md: {target} leads nowhere on the package index"


def sdist() -> Iterator[str]:
    """The sdist: version and contents."""
    (path,) = (ROOT / "dist").glob("*.tar.gz")
    if path.name != f"hyperspy_unmix-{VERSION}.tar.gz":
        yield f"{path.name} is not of version {VERSION}"
    with tarfile.open(path) as archive:
        names = [member.name for member in archive.getmembers() if member.isfile()]
    packed = [n for n in names if n.split("/", 1)[1] not in SDIST_ONLY]
    yield from members("The sdist", packed, path.stat().st_size / 1e6, MEGABYTES["sdist"])


def notes() -> str | None:
    """The notes of this version in CHANGES.md."""
    parts = re.split(r"^## (\S+).*\n", read("CHANGES.md"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True)).get(VERSION)


def tagged(tag: str) -> Iterator[str]:
    """A tag is that of the version, and all notes of the version are written."""
    if tag != f"v{VERSION}":
        yield f"The tag is {tag!r}, and the version is {VERSION}"
    if notes() is None:
        yield f"CHANGES.md has no section {VERSION}: make changelog"
    left = [p.name for p in (ROOT / "changes").glob("*.md") if p.name != "README.md"]
    if left:
        yield f"Not yet in CHANGES.md: {', '.join(sorted(left))}: make changelog"
    if not notes() or left:
        return
    (ROOT / "dist").mkdir(exist_ok=True)
    text = f"{(notes() or '').strip()}\n"
    (ROOT / "dist" / "release-notes.md").write_text(text, encoding="utf-8", newline="\n")


CHECKS = (
    *(addresses, requirements, pythons, targets, hooks, citation),
    *(recipe, extensions_list, wheel, sdist),
)


def main() -> None:
    """Print every problem, and fail if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", help="check the tag, and write dist/release-notes.md")
    tag = parser.parse_args().tag
    checks = CHECKS if tag is None else (lambda: tagged(tag),)
    problems = [problem for check in checks for problem in check()]
    if problems:
        sys.exit("\n".join(problems))
    print(f"hyperspy_unmix {VERSION}: all that belongs to a release agrees.")


if __name__ == "__main__":
    main()
