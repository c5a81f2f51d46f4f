"""Whether all links between the built pages resolve: `python docs/check_links.py docs/_build/html`.

Sphinx warns of the links it makes itself; this looks at what a browser gets: files and anchors,
pictures, scripts and style sheets, and nothing that is loaded over the network.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"img", "script", "link", "source", "iframe"}


class Page(HTMLParser):
    """The anchors of a page, and what it links to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.anchors: set[str] = set()
        self.links: list[tuple[str, str]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note its names and where it leads."""
        named = dict(attrs)
        self.anchors.update(value for key in ("id", "name") if (value := named.get(key)))
        loads = tag in LOADED and named.get("rel") not in ("canonical", "next", "prev", "search")
        for key in ("href", "src"):
            if value := named.get(key):
                self.links.append(("load" if loads else "link", value))


def fault(page: Page, kind: str, address: str, pages: dict[Path, Page]) -> str | None:
    """What is wrong with a link, if anything is."""
    parts = urlsplit(address)
    if parts.scheme in ("data", "mailto", "javascript"):
        return None
    if parts.scheme or parts.netloc:
        return "is loaded over the network" if kind == "load" else None
    target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
    if target.is_dir():
        target /= "index.html"
    if not target.exists():
        return "does not exist"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "has no such anchor"
    return None


def main(folder: Path) -> int:
    """Print the broken links; their number decides the exit status."""
    folder = folder.resolve()
    written = [path for path in folder.rglob("*.html") if folder / "_static" not in path.parents]
    pages = {path: Page(path) for path in sorted(written)}
    broken = [
        f"{page.path.relative_to(folder)}: {address} {wrong}"
        for page in pages.values()
        for kind, address in page.links
        if (wrong := fault(page, kind, address, pages))
    ]
    print("\n".join(broken) or f"All links of {len(pages)} pages resolve.")
    return 1 if broken or not pages else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
