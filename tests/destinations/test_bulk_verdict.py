"""Every row of contract 3: what an answer to a bulk request means for each record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.model.exchange import Answer, Failure, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Partial, Reject, Retry, Split
from otelsiem.testing.conformance import drive
from tests.destinations.bulk import AT, STREAM, answer, elasticsearch, failed, item, opensearch, payload, said
from tests.examples import some

GOOD = item(201)
CONFLICT = item(409, "version_conflict_engine_exception", "[1]: version conflict, document already exists")
FLOOD = "index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has …];"


def judged(reply: Reply, records: int = 1, **changes: Any) -> Outcome:
    return drive(elasticsearch(**changes).exchange(payload(records), AT), reply)


# ---------------------------------------------------------------- items

HELD = [
    item(403, "security_exception", "action [indices:data/write/bulk[s]] is unauthorized for API key id [x]"),
    item(401, "security_exception"),
    item(404, "index_not_found_exception", "no such index [audit]"),
    item(403, "cluster_block_exception", "index [x] blocked by: [FORBIDDEN/8/index write (api)];"),
    item(429, "cluster_block_exception", FLOOD),
    item(403, "cluster_block_exception", "blocked by: [FORBIDDEN/12/index read-only / allow delete (api)];"),
    item(400, "index_closed_exception", "closed"),
    item(400, "invalid_index_name_exception", "Invalid index name [x]"),
    item(400, "illegal_argument_exception", "pipeline with id [geo] does not exist"),
    item(400, "illegal_argument_exception", "only write ops with an op_type of create are allowed in data streams"),
    item(400, "illegal_argument_exception", "no write index is defined for alias [audit]. The write index may be"),
    item(400, "validation_exception", "Validation Failed: 1: this action would add [2] shards, but this cluster"),
    item(400, "illegal_argument_exception", "Validation Failed: 1: this action would add [2] total shards"),
    item(404, "index_not_found_exception", "no such index [x] and [require_data_stream] request flag is [true] and"),
    item(403, "license_expired_exception"),
]


@pytest.mark.parametrize("one", HELD)
def test_p3_what_a_person_must_put_right_holds_everything(one: dict[str, Any]) -> None:
    outcome = judged(answer(one, one), 2)
    assert isinstance(outcome, Hold)
    assert one["create"]["error"]["type"] in outcome.reason
    assert STREAM in outcome.reason
    outcome = judged(answer(GOOD, one, GOOD), 3)
    assert isinstance(outcome, Partial)
    assert (outcome.delivered, list(outcome.held), outcome.rejected) == ([0, 2], [1], {})


REFUSED = [
    item(400, "document_parsing_exception", "[1:20] failed to parse field [source.ip] of type [ip]"),
    item(400, "mapper_parsing_exception", "failed to parse"),
    item(400, "strict_dynamic_mapping_exception", "mapping set to strict"),
    item(400, "illegal_argument_exception", "Limit of total fields [1000] has been exceeded"),
    item(400, "illegal_argument_exception", "Document contains at least one immense term in field"),
    item(400, "illegal_argument_exception", "mapper [x] cannot be changed from type [long] to [text]"),
    item(400, "document_parsing_exception", "data stream timestamp field [@timestamp] is missing"),
    item(400, "something_new"),
]


@pytest.mark.parametrize("one", REFUSED)
def test_p4_what_blames_the_record_refuses_it_alone(one: dict[str, Any]) -> None:
    assert isinstance(judged(answer(one)), Reject)
    outcome = judged(answer(GOOD, one, CONFLICT), 3)
    assert isinstance(outcome, Partial)
    assert (outcome.delivered, list(outcome.rejected), outcome.held) == ([0, 2], [1], {})


AGAIN = [
    item(429, "es_rejected_execution_exception", "rejected execution"),
    item(429, "rejected_execution_exception"),
    item(429, "circuit_breaking_exception"),
    item(503, "unavailable_shards_exception"),
    item(503, "process_cluster_event_timeout_exception"),
    item(500, "node_disconnected_exception"),
    item(504, "anything"),
    item(408),
    item(409, "some_other_conflict"),
]


@pytest.mark.parametrize("one", AGAIN)
def test_p4_what_the_cluster_could_not_do_goes_again_alone(one: dict[str, Any]) -> None:
    status = one["create"]["status"]
    outcome = judged(answer(one, one), 2)
    assert isinstance(outcome, Retry)
    assert outcome.busy == (status == 429)
    outcome = judged(answer(GOOD, one), 2)
    assert isinstance(outcome, Partial)
    assert (outcome.delivered, outcome.again, outcome.after > 0) == ([0], [1], True)


def test_a_500_beside_a_success_is_about_that_record() -> None:
    """A record that makes a pipeline fail would else keep its courier from the others for ever."""
    one = item(500, "ingest_processor_exception", "java.lang.IllegalStateException: it broke")
    outcome = judged(answer(one, one), 2)
    assert isinstance(outcome, Retry)
    assert not outcome.busy
    mixed = judged(answer(one, GOOD, one), 3)
    assert isinstance(mixed, Partial)
    assert (mixed.delivered, list(mixed.held), mixed.again) == ([1], [0, 2], [])


@pytest.mark.parametrize("one", [GOOD, CONFLICT, item(409), item(200)])
def test_p2_what_is_there_is_delivered(one: dict[str, Any]) -> None:
    assert judged(answer(one, one, one), 3) == Delivered()


def test_everything_at_once() -> None:
    outcome = judged(answer(GOOD, REFUSED[0], HELD[0], AGAIN[0], CONFLICT, AGAIN[3]), 6)
    assert isinstance(outcome, Partial)
    assert outcome.delivered == [0, 4]
    assert list(outcome.rejected) == [1]
    assert list(outcome.held) == [2]
    assert outcome.again == [3, 5]


@pytest.mark.parametrize("words", ["pipeline with id [x] does not exist", FLOOD, "this action would add [9] shards"])
def test_a_record_cannot_choose_its_verdict(words: str) -> None:
    """What a server quotes of a record stands behind its own words, and a parser's error is always about the record."""
    quoted = f"failed to parse field [x] of type [long]. Preview of field's value: '{words}'"
    assert isinstance(judged(answer(item(400, "document_parsing_exception", quoted))), Reject)
    assert isinstance(judged(answer(item(400, "document_parsing_exception", words))), Reject)
    assert isinstance(judged(answer(item(400, "illegal_argument_exception", f"For input string: {words}"))), Reject)


def test_a_reason_shows_no_value_of_the_record() -> None:
    words = (
        "[1:9] failed to parse field [a] of type [long] in document with id 'x'. Preview of field's value: 'hunter2'"
    )
    outcome = judged(answer(item(400, "document_parsing_exception", words)))
    assert outcome == Reject(
        f"document_parsing_exception (HTTP 400): {STREAM}: [1:9] failed to parse field [a] of type [long] in document "
        "with id 'x'"
    )


def test_a_pipeline_quotes_no_value_either() -> None:
    outcome = judged(
        answer(item(400, "illegal_argument_exception", "Provided Grok expressions do not match field value: [hunter2]"))
    )
    assert outcome == Reject(f"illegal_argument_exception (HTTP 400): {STREAM}: Provided Grok expressions do not match")


def test_what_is_not_in_the_stream_is_noted_with_its_number() -> None:
    diverted, dropped = item(201, failure_store="used"), item(200, result="noop")
    assert judged(answer(GOOD, diverted, diverted), 3) == Delivered(
        f"failure_store: 2 of 3 records went to the failure store of {STREAM}, not into the stream: search "
        f"{STREAM}::failures for the reason"
    )
    both = judged(answer(diverted, dropped, REFUSED[0]), 3)
    assert isinstance(both, Partial)
    assert "1 of 3" in both.note
    assert "an ingest pipeline dropped 1 of 3 records" in both.note
    assert judged(answer(item(201, failure_store="not_applicable_or_unknown"))) == Delivered()


@pytest.mark.parametrize(
    "reply",
    [
        Answer(200),
        Answer(200, {}, b"<html>log in</html>"),
        Answer(204),
        said(200, {"items": []}),
        said(200, {"took": 1, "errors": False}),
        said(200, {"acknowledged": True}),
        answer(GOOD),
        answer(GOOD, GOOD, GOOD),
    ],
)
def test_p2_a_success_without_the_items_is_no_success(reply: Answer) -> None:
    outcome = judged(reply, 2)
    assert isinstance(outcome, Hold)
    assert "the answer has" in outcome.reason


# ---------------------------------------------------------------- whole requests

WHOLE: list[tuple[Reply, type[Outcome], str]] = [
    (failed(401, "security_exception", "unable to authenticate"), Hold, "who we are"),
    (failed(403, "security_exception"), Hold, "create_doc"),
    (said(403, {"Message": "User: anonymous is not authorized to perform: es:ESHttpPost"}), Hold, "es:ESHttpPost"),
    (failed(403, "cluster_block_exception", FLOOD), Hold, "free space"),
    (failed(429, "es_rejected_execution_exception"), Retry, "rejected"),
    (Answer(429), Retry, "429"),
    (Answer(404), Hold, "root"),
    (said(400, {"error": "no handler found for uri [/x/_bulk] and method [POST]", "status": 400}), Hold, "its path"),
    (Answer(405), Hold, "root"),
    (Answer(406), Hold, "ndjson"),
    (Answer(415), Hold, "compression: none"),
    (Answer(413), Split, "413"),
    (said(413, {"Message": "Request size exceeded 10485760 bytes"}), Split, "10485760"),
    (Answer(302, {"location": "https://elsewhere"}), Hold, "redirect"),
    (Answer(400), Reject, "400"),
    (failed(400, "illegal_argument_exception", "Malformed action/metadata line [3]"), Hold, "between"),
    (failed(400, "illegal_argument_exception", "The bulk request must be terminated by a newline"), Hold, "between"),
    (failed(400, "illegal_argument_exception", "request [/x/_bulk] contains unrecognized parameter: [y]"), Hold,
     "require_data_stream"),
    (failed(400, "x_content_parse_exception"), Reject, "x_content"),
    (Answer(410), Hold, "410"),
    (Answer(402), Hold, "402"),
    (Answer(418), Hold, "418"),
    (Answer(500), Retry, "500"),
    (Answer(503), Retry, "503"),
    (Answer(408), Retry, "408"),
    (Failure("connect", "refused"), Retry, "connect"),
    (Failure("reset", "cut off", sent=True), Retry, "reset"),
    (Failure("tls", "self-signed certificate"), Hold, "tls"),
    (Failure("credentials", "no credentials found"), Hold, "credentials"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "verdict", "words"), WHOLE)
def test_a_request_that_is_refused_as_a_whole(reply: Reply, verdict: type[Outcome], words: str) -> None:
    for made in (elasticsearch(), opensearch()):
        outcome = drive(made.exchange(payload(5), AT), reply)
        assert isinstance(outcome, verdict), outcome
        assert words in getattr(outcome, "reason", ""), outcome


def test_a_request_that_no_node_may_ever_hold_is_cut_smaller() -> None:
    words = (
        "rejected execution of coordinating operation [coordinating_and_primary_bytes=0, replica_bytes=0, all_bytes=0, "
        "coordinating_operation_bytes={}, max_coordinating_bytes=2097152]"
    )
    assert isinstance(judged(failed(429, "es_rejected_execution_exception", words.format(3357084))), Split)
    busy = judged(failed(429, "es_rejected_execution_exception", words.format(1357084)))
    assert isinstance(busy, Retry)
    assert busy.busy


def test_retry_after_is_heard() -> None:
    assert judged(Answer(503, {"retry-after": "7"})) == Retry("HTTP 503", 7.0)
    assert judged(Answer(429, {"retry-after": "7"})) == Retry("HTTP 429", 7.0, busy=True)


@given(
    st.lists(st.sampled_from([GOOD, CONFLICT, *HELD, *REFUSED, *AGAIN, item(500), item(0), item(201, result="noop")]),
             min_size=1, max_size=12)
)  # fmt: skip
@settings(deadline=None, max_examples=some(300))
def test_p2_every_record_has_one_verdict_and_the_mix_changes_none_of_them(items: list[dict[str, Any]]) -> None:
    outcome = judged(answer(*items), len(items))
    if not isinstance(outcome, Partial):
        alone = {type(judged(answer(one))) for one in items}
        assert alone == {type(outcome)}
        return
    named = [*outcome.delivered, *outcome.again, *outcome.rejected, *outcome.held]
    assert sorted(named) == list(range(len(items)))
    for n, one in enumerate(items):
        match judged(answer(one)):
            case Delivered():
                assert n in outcome.delivered
            case Reject():
                assert n in outcome.rejected
            case Hold():
                assert n in outcome.held
            case Retry():
                assert n in outcome.again or n in outcome.held
            case other:
                raise AssertionError(other)
