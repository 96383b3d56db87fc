"""A store that outlives the processes that met in it"""

import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from torch.distributed import HashStore, PrefixStore

from unbroken import meeting


@pytest.fixture
def store() -> HashStore:
    made = HashStore()
    made.set_timeout(timedelta(seconds=10))
    return made


@pytest.fixture
def pool() -> Generator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def test_all_processes_of_a_start_are_told_one_name_and_those_of_the_next_another(
    store: HashStore, pool: ThreadPoolExecutor
) -> None:
    names = list[set[str]]()
    for _ in range(3):
        told = pool.map(lambda rank: meeting.name(store, rank, 4, 10.0), range(4))
        names.append(set(told))
    assert [len(each) for each in names] == [1, 1, 1]
    assert len(set.union(*names)) == 3


@pytest.mark.parametrize("late", [0, 1])
def test_who_comes_first_waits_and_does_not_take_the_dead_for_the_others(
    late: int, store: HashStore, pool: ThreadPoolExecutor
) -> None:
    before = [pool.submit(meeting.name, store, rank, 2, 10.0) for rank in range(2)]
    for rank, each in enumerate(before):  # what process groups leave: an address under a key of every start
        PrefixStore(each.result(), store).set(f"address {rank}", "dead")
    first = pool.submit(meeting.name, store, 1 - late, 2, 10.0)
    time.sleep(0.1)
    assert not first.done()
    told = meeting.name(store, late, 2, 10.0)
    assert first.result() == told
    assert not PrefixStore(told, store).check(["address 0", "address 1"])


def test_a_process_that_does_not_come_is_named(store: HashStore) -> None:
    threading.Thread(target=meeting.name, args=(store, 2, 4, 10.0)).start()
    with pytest.raises(TimeoutError, match=r"processes \[1, 3\] of 4 have not come"):
        meeting.name(store, 0, 4, 0.2)
