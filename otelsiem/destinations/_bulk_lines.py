"""Records as the entries of a bulk request: an action line with the `_id`, and the document (contract 2).

Guarantees: the action is always `create`, the only one that a data stream takes and that cannot overwrite; both lines
end with a newline and hold none.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat

from otelsiem.destinations._bulk_id import ids
from otelsiem.destinations._bulk_index import Where
from otelsiem.destinations._payloads import Entries
from otelsiem.model.record import Batch

PARTS = 3  # of an entry: up to the document's first brace, the rest of it, the end of the line


def written(part: Batch, documents: Sequence[bytes], where: Where) -> Entries:
    """The entries' parts, and the index of each where they differ. `documents` are JSON objects, each of one line."""
    names = [id_ for group in part for id_ in ids(group)]
    if where.constant is not None:
        starts, indices = map(_start, names, repeat(where.constant.said)), []
    else:
        places = [place for group in part for place in map(where.bind(group.resource, group.scope), group.records)]
        starts, indices = map(_start, names, [place.said for place in places]), [place.name for place in places]
    rests = [document[1:] for document in documents]
    return [*chain.from_iterable(zip(starts, rests, repeat(b"\n"), strict=False))], indices


def _start(id_: str, said: bytes) -> bytes:
    if not id_:  # the server makes one up; then sending it again is a second copy
        return b'{"create":{}}\n{%b' % said
    return b'{"create":{"_id":"%b"}}\n{%b' % (id_.encode(), said)
