"""HTTP/2 frames by hand, well formed or not: what a hostile gRPC client sends (RFC 9113, RFC 7541)."""

from __future__ import annotations

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 0, 1, 3, 4, 6, 9
END_STREAM, END_HEADERS = 0x1, 0x4
PATH = b"/opentelemetry.proto.collector.logs.v1.LogsService/Export"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def hello() -> bytes:
    """What a client begins with."""
    return PREFACE + frame(SETTINGS, 0, 0)


def literal(name: bytes, value: bytes) -> bytes:
    """A header field that is not to be indexed (RFC 7541 6.2.2), no Huffman code."""
    return b"\x00" + _string(name) + _string(value)


def call(path: bytes = PATH) -> bytes:
    """The header block of a gRPC call."""
    fields = ((b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"localhost"),
              (b"te", b"trailers"), (b"content-type", b"application/grpc"))  # fmt: skip
    return b"".join([literal(name, value) for name, value in fields])


def message(body: bytes, *, compressed: bool = False, length: int | None = None) -> bytes:
    """A gRPC message; `length`: what it claims to have."""
    return bytes((compressed,)) + (len(body) if length is None else length).to_bytes(4, "big") + body


def _string(text: bytes) -> bytes:
    return _integer(len(text), 7) + text


def _integer(value: int, bits: int) -> bytes:
    most = (1 << bits) - 1
    if value < most:
        return bytes((value,))
    out, value = [most], value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])
