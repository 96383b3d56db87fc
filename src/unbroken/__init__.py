"""Training that continues: the same command again, and the run goes on bit for bit"""

from .checkpoint import read as load
from .errors import Error, Stopped
from .every import Every
from .feed import Feed
from .history import recorded
from .position import Position
from .run import Epoch, Run
from .state import Gradients

__all__ = ["Epoch", "Error", "Every", "Feed", "Gradients", "Position", "Run", "Stopped", "load", "recorded"]
