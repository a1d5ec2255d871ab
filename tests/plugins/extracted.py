"""The examples of the page as distributions of somebody else: a module and a .dist-info in a folder."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-destination.md"


def example(name: str) -> str:
    """The block of the page that is called so."""
    found = re.search(
        rf"<!-- example: {re.escape(name)} -->\n```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found is not None, f"the page has no example {name}"
    return found[1]


def install(folder: Path, module: str, kind: str, name: str) -> Path:
    """Make a distribution of an example: `kind` is the type that its entry point brings, `name` the class."""
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(example(f"{module}.py"), "utf-8")
    info = folder / f"{module}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[otelsiem.destinations]\n{kind} = {module}:{name}\n")
    return folder
