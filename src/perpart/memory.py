"""The allocator: memory that a step gives back is kept for the next one, and the kernel is not asked for it again

A training step takes and gives back hundreds of megabytes. glibc returns blocks of more than 128 kB (32 MB, once it has
learned) to the kernel, which hands them out again page by page, each with a fault and filled with zeros: that was
19 to 42 % of the processor's time on the machine where it was measured. `kept` tells glibc to hold on to what it has.
No number depends on it. `PERPART_MALLOC=system` in the environment leaves the allocator as it is.
"""

import ctypes
import os
import sys

SWITCH = "PERPART_MALLOC"
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3  # of <malloc.h>
LARGEST = 1 << 30  # bytes: blocks up to this size come from the heap, and so much of it may lie idle at its end
STEP = 64 << 20  # bytes by which the heap grows


def kept() -> bool:
    """Ask glibc to keep what is given back; whether it agreed. Elsewhere than on Linux with glibc nothing is done."""
    if os.environ.get(SWITCH) == "system" or not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    wishes = ((M_MMAP_THRESHOLD, LARGEST), (M_TRIM_THRESHOLD, LARGEST), (M_TOP_PAD, STEP))
    return mallopt is not None and all(mallopt(what, value) == 1 for what, value in wishes)
