"""Write dist/recipe.yaml: the recipe for conda-forge, with the version and hash of the sdist."""

import hashlib
import sys
from pathlib import Path

RECIPE = Path(__file__).with_name("recipe.yaml")


def filled(recipe: str, version: str, sha256: str) -> str:
    """The recipe without its comment lines for this repository and with both values."""
    lines = [line for line in recipe.splitlines(keepends=True) if "`make conda-recipe`" not in line]
    text = "".join(lines).replace("@VERSION@", version).replace('"@SHA256@"', sha256)
    if "@" in text:
        raise ValueError(f"{RECIPE} holds a mark that is neither @VERSION@ nor @SHA256@.")
    return text


def main(dist: Path) -> None:
    """Fill in the recipe for the one sdist in the folder."""
    (sdist,) = dist.glob("*.tar.gz")
    version = sdist.name.removesuffix(".tar.gz").partition("-")[2]
    sha256 = hashlib.sha256(sdist.read_bytes()).hexdigest()
    recipe = filled(RECIPE.read_text(encoding="utf-8"), version, sha256)
    (dist / "recipe.yaml").write_text(recipe, encoding="utf-8", newline="\n")
    print(f"{dist / 'recipe.yaml'}: version {version}, sha256 {sha256}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
