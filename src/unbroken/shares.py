"""How a global batch is cut: into one piece for each process, or into a fixed number whoever computes them"""

from __future__ import annotations

from .errors import Misuse


class Shares:
    """The pieces of every global batch, and which of them are this process's.

    rank, size: which process of how many. virtual: the number of pieces; 0 takes one for each process.
    """

    def __init__(self, rank: int = 0, size: int = 1, virtual: int = 0) -> None:
        self.pieces = virtual or size
        self.owners = [range(r * self.pieces // size, (r + 1) * self.pieces // size) for r in range(size)]
        self.mine = self.owners[rank]

    def check(self, batch_size: int) -> None:
        """Refuse batches that are too small, and processes that would have nothing to do. Raises Misuse."""
        if len(self.owners) > self.pieces:
            raise Misuse(f"{len(self.owners)} processes for {self.pieces} virtual ranks: take at most so many processes")
        if self.pieces > batch_size:
            raise Misuse(
                f"a batch of {batch_size} samples cannot be cut into {self.pieces} pieces: take a larger batch, or at "
                f"most {batch_size} processes or virtual ranks"
            )

    def cut(self, samples: int) -> list[slice]:
        """Where this process's pieces of a batch of so many samples lie; sizes differ by one at most.

        Of a last batch that is smaller than the number of pieces, a piece without a sample is the first one over again:
        every process has something to compute, and `weight` says that it does not count.
        """
        return [_slice(piece, self.pieces, samples) for piece in self.mine]

    def counts(self, samples: int) -> list[int]:
        """How many samples of a batch each of this process's pieces speaks for."""
        return [(i + 1) * samples // self.pieces - i * samples // self.pieces for i in self.mine]


def _slice(piece: int, pieces: int, samples: int) -> slice:
    start, stop = piece * samples // pieces, (piece + 1) * samples // pieces
    return slice(start, stop) if start < stop else slice(0, 1)
