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


def written(part: Batch, documents: Sequence[bytes], where: Where) -> Entries:
    """One entry per record, and the index of each where they differ. `documents` are JSON objects, each of one line."""
    names = list(chain.from_iterable([map(ids(group.resource), group.records) for group in part]))
    if where.constant is not None:
        said = where.constant.said
        return list(map(_entry, names, documents, repeat(said))), ()
    places = list(chain.from_iterable([map(where.bind(group.resource, group.scope), group.records) for group in part]))
    entries = map(_entry, names, documents, [place.said for place in places])
    return list(entries), [place.name for place in places]


def _entry(id_: str, document: bytes, said: bytes) -> bytes:
    if not id_:  # the server makes one up; then sending it again is a second copy
        return b'{"create":{}}\n{%b%b\n' % (said, document[1:])
    return b'{"create":{"_id":"%b"}}\n{%b%b\n' % (id_.encode(), said, document[1:])
