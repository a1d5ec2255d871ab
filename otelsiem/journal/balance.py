"""What an exporter's place must be for P2 to hold, given what is really kept: rules, no file.

Guarantees: the place that comes out is sound, and asked again it stays as it is. A record that is kept and may not
have been delivered is delivered again rather than believed settled; one that is gone and was never settled is purged,
counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from otelsiem.journal.state import Span, State, joined, total, without


@dataclass(frozen=True, slots=True)
class Kept:
    """What the file holds for an exporter."""

    following: int  # the pipeline's next number
    spans: Sequence[Span]  # numbers whose entries can be read; ascending, apart
    due: Sequence[int] = ()  # positions of its due records that can be read
    dead: Sequence[int] = ()  # and of its dead letters
    removed: bool = False  # it is detached: nothing is pending for it


@dataclass(slots=True)
class Balanced:
    """The place, and what had to change: each a cost and a deed in words."""

    place: State
    told: list[tuple[str, str, str]] = field(default_factory=list)  # what, cost, repair
    purged: int = 0


def balanced(place: State, kept: Kept) -> Balanced:
    """The nearest sound place."""
    out = Balanced(place)
    _bounds(out, kept)
    _vouched(out, kept)
    _aside(out, kept)
    _holes(out, kept)
    _counters(out, kept)
    return out


def _bounds(out: Balanced, kept: Kept) -> None:
    """start ≤ low < ranges ≤ next, ranges ascending and apart."""
    was = out.place
    start, low = was.start, was.low
    if not 0 <= low <= kept.following:
        low = kept.spans[0][0] if kept.spans else kept.following
    if not 0 <= start <= low:
        start = low
    ranges = joined([(a, b) for a, b in was.ranges if low < a < b <= kept.following])
    if (start, low, tuple(ranges)) != (was.start, was.low, was.ranges):
        what = f"its place (start {was.start}, low {was.low}, {len(was.ranges)} ranges) cannot be"
        out.place = replace(was, start=start, low=low, ranges=tuple(ranges))
        out.told.append(
            (
                f"{what} with {kept.following} records in the pipeline",
                "records settled out of order may be delivered again",
                f"goes on at {low}",
            )
        )


def _vouched(out: Balanced, kept: Kept) -> None:
    """More settled than the counters know of: what is kept of it goes again."""
    place = out.place
    known = sum([max(place.delivered, 0), max(place.filtered, 0), max(place.purged, 0)])
    known += max(place.due, len(kept.due)) + max(place.dead, len(kept.dead))
    over = place.settled - known
    if over <= 0:
        return
    low = max(place.low - over, place.start)
    gone = without([(low, place.low)], kept.spans)
    again = place.low - low - total(gone)
    out.place = _settled(replace(place, low=low), gone)
    out.told.append(
        (
            f"it calls {place.settled} records settled, its counters know of {known}",
            f"{again} records may be delivered twice" if again else "nothing",
            f"delivers again from {low} what is kept" if again else "counts those that nobody knows of as purged",
        )
    )


def _aside(out: Balanced, kept: Kept) -> None:
    """A due record or a dead letter is settled as a number."""
    place = out.place
    missing = [p for p in (*kept.due, *kept.dead) if p >= place.low and not place.has(p)]
    if missing:
        out.place = _settled(place, [(p, p + 1) for p in missing])
        out.told.append(
            (
                f"{len(missing)} of its due records and dead letters are pending as well",
                "each would be delivered twice",
                "keeps them as due or dead only",
            )
        )


def _holes(out: Balanced, kept: Kept) -> None:
    """Pending, but no entry holds it."""
    if kept.removed:
        return
    gone = out.place.fresh(without([(out.place.low, kept.following)], kept.spans))
    out.purged = total(gone)
    if gone:
        out.place = _settled(out.place, gone)
        out.told.append(
            (
                f"records {_told(gone)} are pending, and no entry holds them",
                f"{out.purged} records, for this exporter",
                "counts them as purged",
            )
        )


def _counters(out: Balanced, kept: Kept) -> None:
    """(low − start) + Σ ranges = delivered + dead + filtered + purged + due."""
    was, due, dead = out.place, len(kept.due), len(kept.dead)
    start = was.start - max(due + dead - was.settled, 0)  # what it had before it came back counts wherever it starts
    left = max(was.settled - due - dead, 0)
    gone = min(out.purged, left)
    filtered = min(max(was.filtered, 0), left - gone)
    delivered = min(max(was.delivered, 0), left - gone - filtered)
    purged = left - filtered - delivered
    out.place = replace(was, start=start, delivered=delivered, dead=dead, filtered=filtered, purged=purged, due=due)
    lost = [f"{was.due - due} due records"] * (was.due > due) + [f"{was.dead - dead} dead letters"] * (was.dead > dead)
    if out.place != replace(was, purged=was.purged + out.purged):
        out.told.append(
            (
                f"its counters ({_five(was)}) do not fit {was.settled} settled, {due} due records, {dead} dead letters",
                " and ".join(lost) or "nothing",
                f"counts {_five(out.place)}",
            )
        )


def _settled(place: State, spans: Sequence[Span]) -> State:
    """These numbers too; the counters follow later."""
    moved = place.settle(joined(spans))
    return replace(moved, delivered=place.delivered)


def _five(place: State) -> str:
    return (
        f"delivered {place.delivered}, dead {place.dead}, filtered {place.filtered}, purged {place.purged},"
        f" due {place.due}"
    )


def _told(spans: Sequence[Span]) -> str:
    shown = [f"{a}" if b == a + 1 else f"{a}-{b - 1}" for a, b in spans[:5]]
    return ", ".join(shown) + (f" and {len(spans) - 5} more ranges" if len(spans) > 5 else "")
