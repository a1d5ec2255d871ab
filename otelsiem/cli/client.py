"""HTTP to a running gateway: its admin API, and OTLP for one test record.

Guarantees: no redirect is followed, so the token goes to the address in the configuration and nowhere else; whatever
answers, the caller gets a value or a CommandError with a sentence.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from otelsiem.cli.access import Access
from otelsiem.cli.exits import CommandError
from otelsiem.config.model import Config
from otelsiem.transport.tls import fault

if TYPE_CHECKING:  # a tenth of the time that `otelsiem run` takes to start, and it asks nobody
    import httpx

RECEIPT = "x-otelsiem-receipt"
LONGEST = 15.0  # seconds for one answer of the admin API: a replay of many letters is one transaction

_POSITION = re.compile(r"[0-9]{1,19}")


class AbsentError(CommandError):
    """Nothing listens at this address."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a gateway put a record."""

    pipeline: str
    position: int


class Gateway:
    """The admin API of a running gateway."""

    def __init__(self, base: str, token: str) -> None:
        import httpx

        self.base = base
        # trust_env: a proxy of the environment has no business between this process and its own machine
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(base_url=base, headers=headers, timeout=LONGEST, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def dead_letters(self, exporter: str, limit: int, offset: int) -> tuple[list[dict[str, Any]], bool]:
        """One page, oldest first, and whether there are more."""
        query = {"exporter": exporter, "limit": str(limit), "offset": str(offset)}
        said = self._ask("GET", "/api/v1/dead-letters", params={k: v for k, v in query.items() if v})
        letters = said.get("dead_letters")
        if not isinstance(letters, list) or not all(isinstance(letter, dict) for letter in letters):
            raise self._strange()
        return letters, said.get("more") is True

    def replay(self, exporter: str, positions: Sequence[int] | None) -> int:
        """Dead letters to be delivered again; how many."""
        return self._order("replay", "replayed", exporter, positions)

    def purge(self, exporter: str, positions: Sequence[int] | None) -> int:
        """Dead letters deleted for good; how many."""
        return self._order("purge", "purged", exporter, positions)

    def fates(self, receipt: Receipt) -> dict[str, dict[str, Any]]:
        """What became of a record so far, by exporter."""
        query = {"pipeline": receipt.pipeline, "position": str(receipt.position)}
        fates = self._ask("GET", "/api/v1/fates", params=query).get("fates")
        if not isinstance(fates, dict) or not all(isinstance(fate, dict) for fate in fates.values()):
            raise self._strange()
        return fates

    def status(self) -> dict[str, Any]:
        """How things stand."""
        return self._ask("GET", "/api/v1/status")

    def held(self) -> dict[str, str]:
        """The exporters whose delivery is held, and why."""
        held = self.status().get("held")
        return {str(k): str(v) for k, v in held.items()} if isinstance(held, dict) else {}

    def _order(self, verb: str, counted: str, exporter: str, positions: Sequence[int] | None) -> int:
        order = {"exporter": exporter, "positions": None if positions is None else list(positions)}
        count = self._ask("POST", f"/api/v1/dead-letters/{verb}", json=order).get(counted)
        if not isinstance(count, int):
            raise self._strange()
        return count

    def _ask(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        import httpx

        try:
            answer = self._http.request(method, path, **what)
        except httpx.ConnectError as why:
            raise AbsentError(f"no gateway answers at {self.base}") from why
        except (httpx.HTTPError, httpx.InvalidURL) as why:
            raise CommandError(f"{self.base} did not answer: {why or type(why).__name__}") from why
        said = _json(answer)
        if answer.status_code == 200 and isinstance(said, dict):
            return said
        if answer.status_code == 401:
            raise CommandError(f"the gateway at {self.base} does not accept the token of this journal's directory")
        sentence = said.get("error") if isinstance(said, dict) else None
        if isinstance(sentence, str):
            raise CommandError(f"the gateway says: {sentence}")
        raise self._strange(f" (HTTP {answer.status_code})")

    def _strange(self, detail: str = "") -> CommandError:
        return CommandError(f"what answers at {self.base} is not an otelsiem gateway of this version{detail}")


def gateway(config: Config) -> Gateway:
    """The gateway that runs with this configuration; AbsentError when it has left no token."""
    from otelsiem.admin import token

    base = f"http://{config.service.admin.endpoint.reachable}"
    directory = config.service.journal.directory
    try:
        return Gateway(base, token.read(directory))
    except FileNotFoundError:
        raise AbsentError(f"no gateway runs with the journal in {directory}") from None
    except OSError as why:
        raise CommandError(f"cannot read {directory / token.NAME}: {why.strerror}; run as the gateway's user") from why


def post(to: Access, request: Mapping[str, Any], timeout: float) -> list[Receipt]:
    """One OTLP/HTTP request; where the gateway put the records. CommandError when it did not take them."""
    import httpx

    url = to.url
    try:
        with httpx.Client(timeout=timeout, trust_env=not to.local, verify=to.context or True) as client:
            answer = client.post(url, json=request, headers={RECEIPT: "1", **to.headers})
    except (httpx.HTTPError, httpx.InvalidURL) as why:
        if said := _tls_fault(why):
            raise CommandError(f"not taken: no connection to {url}: {said}") from why
        if isinstance(why, httpx.ConnectError):
            raise AbsentError(f"nothing answers at {url} ({why}); start the gateway with: otelsiem run") from why
        raise CommandError(
            f"{url} did not answer: {why or type(why).__name__}; the record may have been taken"
        ) from why
    body = _json(answer)
    told = body if isinstance(body, dict) else {}
    if answer.status_code != 200:
        message = told.get("message") or answer.headers.get("location") or answer.reason_phrase
        raise CommandError(f"not taken: HTTP {answer.status_code} from {url}: {message}")
    partial = told.get("partialSuccess")
    if isinstance(partial, dict) and str(partial.get("rejectedLogRecords", "0")) != "0":
        raise CommandError(f"not taken: {partial.get('errorMessage') or 'the gateway refused the record'}")
    return receipts(answer.headers.get(RECEIPT, ""))


def _tls_fault(error: BaseException | None) -> str:
    """What is wrong with a handshake, "" when that is not the matter."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return fault(error)
        error = error.__cause__ or error.__context__
    return ""


def receipts(header: str) -> list[Receipt]:
    """`logs/12,logs/eu/7`: a pipeline's name may hold a slash, the position is behind the last one."""
    found = []
    for part in filter(None, header.split(",")):
        pipeline, _, position = part.strip().rpartition("/")
        if not pipeline or not _POSITION.fullmatch(position):
            raise CommandError("taken, but the receipt cannot be read; is the gateway of another version?")
        found.append(Receipt(pipeline, int(position)))
    return found


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None
