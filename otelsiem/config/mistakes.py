"""What is wrong with a text that is not YAML, in words that say what to do.

PyYAML tells what it expected where it gave up; people need the place where it went wrong.
"""

from __future__ import annotations

import re
from typing import Any

_ADDRESS = re.compile(r"""(?<!["'])\[[0-9A-Fa-f:.%]*::?[0-9A-Fa-f:.%]*]:[0-9]""")
QUOTES = 'inside { } and [ ] an expression needs quotes: "${env:NAME}"'


def explain(error: Any, text: str) -> tuple[int, str, str]:
    """The line, what is wrong there, and what to do, for an error of PyYAML (which has no types here)."""
    if getattr(error, "reason", None):  # the reader's: a character that no YAML may hold
        line = text.count("\n", 0, error.position) + 1
        return line, f"not valid YAML: the character U+{error.character:04X} may not stand here", "remove it"
    mark, begin = error.problem_mark or error.context_mark, error.context_mark
    line = mark.line + 1 if mark else 1
    said = " ".join(part for part in (error.context, error.problem) if part)
    flow = begin is not None and "flow" in (error.context or "")
    here = "".join(text.split("\n")[line - 1 : line])
    if _ADDRESS.search(here):
        return line, f"not valid YAML: {said}", 'an IPv6 address needs quotes: "[::1]:4317"'
    if flow and "${" in here:
        return line, f"not valid YAML: {said}", QUOTES
    if flow and error.problem and "<stream end>" in error.problem:
        sign = "[" if "sequence" in error.context else "{"
        return begin.line + 1, f"not valid YAML: the {sign!r} of this line is never closed", ""
    if "'\\t'" in said:
        return line, "not valid YAML: a tab stands here", "indent with spaces"
    if error.problem == "mapping values are not allowed here":
        hint = "is this line indented as its neighbours are, and is there a blank behind each colon, here and above?"
        return line, "not valid YAML: a key cannot stand here", hint
    if begin is not None and "scalar" in (error.context or ""):
        return begin.line + 1, f"not valid YAML: {said}", "is a quote missing?"
    return line, f"not valid YAML: {said}", ""
