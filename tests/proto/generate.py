"""`python3 -m tests.proto.generate`: the Python code of our own .proto files, into the package that carries it.

It is protoc's own code without the two lines by which it insists on a runtime no older than itself: what is left is
what it wrote before 5.27, and what `opentelemetry-proto` carries, so any protobuf that loads those messages will do.
"""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc  # type: ignore[import-untyped]  # it ships no types

ROOT = Path(__file__).parents[2]
SOURCE = "otelsiem/v1/receipts.proto"
MADE = ("otelsiem/v1/receipts_pb2.py", "otelsiem/v1/receipts_pb2.pyi")
HEAD = "# mypy: disable-error-code=type-arg\n"  # it is protoc's style

_RUNTIME = re.compile(
    r"^from google\.protobuf import runtime_version as .*\n|^_runtime_version\.Validate\w+\((?:.|\n)*?^\)\n"
    r"|^# Protobuf Python Version: .*\n",
    re.MULTILINE,
)


def generate(root: Path) -> None:
    """The files of `MADE`, below this folder."""
    root.mkdir(parents=True, exist_ok=True)
    words = ["protoc", f"--proto_path={ROOT / 'proto'}", f"--proto_path={files('grpc_tools') / '_proto'}"]
    if code := protoc.main([*words, f"--python_out={root}", f"--pyi_out={root}", SOURCE]):
        raise SystemExit(code)
    for name in MADE:
        path = root / name
        path.write_text(HEAD + _RUNTIME.sub("", path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    generate(ROOT)
    sys.stdout.write("\n".join(MADE) + "\n")
