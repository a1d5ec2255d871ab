"""Turns are taken one at a time and in order: a busy door cannot starve a courier."""

from __future__ import annotations

import threading

import pytest

from otelsiem.turn import Turn
from tests.program import eventually


def test_p5_the_one_who_waits_longest_is_next() -> None:
    turn, order = Turn(), list[int]()

    def take(number: int) -> None:
        with turn:
            order.append(number)

    threads = [threading.Thread(target=take, args=(n,)) for n in range(5)]
    with turn:
        for number, thread in enumerate(threads):
            thread.start()
            eventually(lambda n=number: len(turn._waiting) == n + 1, 5, "it waits")  # type: ignore[misc]
    for thread in threads:
        thread.join(5)
    assert order == [0, 1, 2, 3, 4]


def test_one_at_a_time() -> None:
    turn, inside, most = Turn(), [0], [0]

    def work() -> None:
        for _ in range(200):
            with turn:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert most == [1]


def test_an_error_inside_gives_the_turn_back() -> None:
    turn = Turn()

    def fail() -> None:
        with turn:
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    with turn:
        assert turn._taken
    assert not turn._taken
