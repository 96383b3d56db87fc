"""All labels of a data set at once, as they were before they were packed"""

from dataclasses import dataclass

import numpy as np

from perpart.data import packing
from perpart.data.dataset import Contacts


@dataclass(frozen=True)
class Unpacked:
    """Pools [objects, pool, 6]; contact (uint8), part and direction of each grasp on the whole pool of its object."""

    clouds: np.ndarray
    contact: np.ndarray
    part: np.ndarray
    direction: np.ndarray
    object_of: np.ndarray


def unpacked(data: Contacts) -> Unpacked:
    """What the records of a data set say."""
    rows = np.arange(data.pool)
    maps = [packing.unpack(data.record(i), data.pool, rows) for i in range(len(data))]
    return Unpacked(data.labels["clouds"], *(np.stack(column) for column in zip(*maps, strict=True)), data.object_of)
