import subprocess
import sys

from perpart import memory

PROGRAM = """
import resource, sys
import torch
from perpart import memory
torch.set_num_threads(1)
agreed = memory.kept()
def step():
    return sum(torch.ones(8 << 20).add_(1)[0].item() for _ in range(8))  # 32 MB each time
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
print(agreed, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(setting: str) -> tuple[bool, int]:
    """Whether the allocator was asked, and the page faults of a step that takes what the step before gave back."""
    environment = {memory.SWITCH: setting, "PYTHONPATH": ":".join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )  # fmt: skip
    agreed, count = ran.stdout.split()
    return agreed == "True", int(count)


def test_memory_that_is_kept_is_not_faulted_in_again():
    agreed, kept = faults("")
    refused, asked_for = faults("system")
    assert (agreed, refused) == (True, False)
    assert kept < asked_for / 10
