"""How a global batch is cut: a piece for each process, or a fixed number whoever computes them"""

from __future__ import annotations

from .errors import Misuse


class Shares:
    """The pieces of every global batch, and which of them are this process's.

    batch_size: samples of a whole batch. rank, size: which process of how many. virtual: the number of pieces; 0 takes
    one for each process. Raises Misuse where a piece, or a process, would have nothing to do.
    """

    def __init__(self, batch_size: int, rank: int = 0, size: int = 1, virtual: int = 0) -> None:
        self.pieces = virtual or size
        if size > self.pieces:
            raise Misuse(f"{size} processes for {self.pieces} virtual ranks: take at most {self.pieces} processes")
        if self.pieces > batch_size:
            raise Misuse(
                f"a batch of {batch_size} samples cannot be cut into {self.pieces} pieces: take a larger batch, or at "
                f"most {batch_size} processes or virtual ranks"
            )
        self.owners = [range(r * self.pieces // size, (r + 1) * self.pieces // size) for r in range(size)]
        self.mine = self.owners[rank]
        # BatchNorm cannot measure one sample: a smaller last batch goes to fewer pieces rather than to pieces of one.
        self._least = min(2, batch_size // self.pieces)

    def cut(self, samples: int) -> list[slice]:
        """Where this process's pieces of a batch of so many samples lie; sizes differ by one at most.

        Where a smaller last batch has no sample left for a piece, that computes the first ones over again, which count
        for nothing: every process takes part in every step.
        """
        idle = slice(0, min(self._least, samples))
        return [self._slice(piece, samples) or idle for piece in self.mine]

    def counts(self, samples: int) -> list[int]:
        """How many samples of a batch each of this process's pieces speaks for."""
        slices = [self._slice(piece, samples) for piece in self.mine]
        return [piece.stop - piece.start if piece else 0 for piece in slices]

    def _slice(self, piece: int, samples: int) -> slice | None:
        working = min(self.pieces, max(1, samples // self._least))
        if piece >= working:
            return None
        return slice(piece * samples // working, (piece + 1) * samples // working)
