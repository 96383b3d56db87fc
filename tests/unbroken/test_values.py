"""Plain values from a pickle's instructions"""

import math
import pickle
import struct
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unbroken.strategies import keys, scalars
from unbroken.errors import Foreign, Hostile
from unbroken.values import DEPTH, Name, Values

plain = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=4).map(tuple), st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=20,
)


def read(data: bytes, room: int = 1 << 20) -> Any:
    """The value of a pickle; names are listed with what they are called with, storages with what was asked."""
    return Values("it.pt", room, {"a.b"}, lambda asked: ("storage", asked), lambda name, got: (name, got)).read(data)


def fresh(value: Any) -> Any:
    """The same tree with no container in two places, as a snapshot is."""
    if isinstance(value, dict):
        return {k: fresh(v) for k, v in value.items()}
    return type(value)([fresh(v) for v in value]) if isinstance(value, list | tuple) else value


@given(plain)
def test_a_pickle_of_plain_values_is_undone(value: Any) -> None:
    assert repr(read(pickle.dumps(fresh(value), 2))) == repr(value)


def test_every_instruction_for_numbers_is_read() -> None:
    numbers = [0, 255, 256, 65535, 65536, -1, -(1 << 31), 1 << 31, 1 << 2000, 0.5, -0.0, math.inf]
    assert repr(read(pickle.dumps(numbers, 2))) == repr(numbers)


def test_names_are_words_and_calls_are_answered_by_the_reader() -> None:
    name, arguments = read(b"\x80\x02ca\nb\nK\x01K\x02\x86R.")
    assert (type(name), name, arguments) == (Name, "a.b", (1, 2))
    assert read(b"\x80\x02K\x05Q.") == ("storage", 5)


def test_a_word_may_be_used_twice_and_any_other_value_once() -> None:
    assert read(pickle.dumps([{"lr": 1}, {"lr": 2}], 2)) == [{"lr": 1}, {"lr": 2}]
    shared = [1]
    with pytest.raises(Foreign, match="holds one value in two places"):
        read(pickle.dumps([shared, shared], 2))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"cos\nsystem\n.", r"it asks for os\.system"),
        (b"ca\nb c\n.", r"it asks for a\.b\.c"),
        (b"(K\x01ios\nsystem\n.", "its pickle has INST"),
        (b"}K\x01\x85R.", "it calls what is no name"),
        (b"ca\nb\nK\x01R.", "it calls what is no name"),
        (b"ca\nb\n}b.", "it fills an object"),
        (b"}K\x01b.", "it fills an object"),
        (b"\x82\x01.", "its pickle has EXT1"),
        (b"\x8f.", "its pickle has EMPTY_SET"),
        (b"Pid\n.", "its pickle has PERSID"),
        (b"I5\n.", "its pickle has INT"),
    ],
)
def test_whatever_could_run_code_is_hostile(body: bytes, words: str) -> None:
    with pytest.raises(Hostile, match=rf"it\.pt would run code when loaded \({words}\): refused"):
        read(b"\x80\x02" + body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"K\x01K\x02", "exhausted before seeing STOP"),
        (b"K\x01K\x02.", "ends before it is done"),
        (b"(K\x01.", "ends before it is done"),
        (b".", "ends before it is done"),
        (b"K\x01\x86.", "takes more values than it made"),
        (b"t.", "takes more values than it made"),
        (b"q\x00.", "takes more values than it made"),
        (b"h\x00.", "takes more values than it made"),
        (b"K\x01q\x01.", "numbers its values out of turn"),
        (b"K\x01r\xff\xff\xff\x7f.", "numbers its values out of turn"),
        (b"K\x01K\x02a.", "appends to what is no list"),
        (b"]K\x01K\x02s.", "a key that is no string"),
        (b"}]K\x02s.", "a key that is no string"),
        (b"}\x88K\x02s.", "a key that is no string"),
        (b"}G" + b"\0" * 8 + b"K\x02s.", "a key that is no string"),
        (b"}(K\x01u.", "shorter than"),
        (b"X\x03\0\0\0\xed\xa0\x80.", "surrogates not allowed"),
        (b"(" * (2 * DEPTH + 2) + b".", "nested too deeply"),
    ],
)
def test_a_pickle_that_torch_save_would_not_write_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(b"\x80\x02" + body)


@pytest.mark.parametrize("protocol", [0, 3, 4, 5])
def test_pickles_of_other_protocols_are_refused(protocol: int) -> None:
    with pytest.raises((Foreign, Hostile)):
        read(pickle.dumps([1, "a"], protocol))


@pytest.mark.parametrize("one", [b"]", b"}", b"J\0\0\0\1", b"G" + b"\0" * 8, b"X\1\0\0\0a", b"N\x85", b"NN\x86"])
def test_values_count_at_least_half_of_what_python_says_that_they_take(one: bytes) -> None:
    value, count = read(b"\x80\x02" + one + b"."), 1000
    room = count * (sys.getsizeof(value) // 2)
    with pytest.raises(ValueError, match="take more memory than the whole file"):
        read(b"\x80\x02(" + one * count + b"t.", room)
    assert len(read(b"\x80\x02(" + one * count + b"t.", 20 * room)) == count


def test_a_long_text_counts_by_the_memory_that_it_takes() -> None:
    for text in ("a" * 10_000, "é" * 10_000, "😀" * 10_000):
        raw = text.encode()
        body = b"\x80\x02X" + struct.pack("<I", len(raw)) + raw + b"."
        assert read(body, 50_000) == text
        with pytest.raises(ValueError, match="take more memory"):
            read(body, 9_000)
