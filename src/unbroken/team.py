"""The processes of a run: how they share every batch and the models that they train together"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeGuard

from torch import Tensor, nn
from torch.optim import Optimizer

from . import parallel, seeds, state
from .accord import Accord, Wish
from .errors import Misuse
from .feed import Feed
from .means import Means
from .pieces import Pieces
from .position import Position
from .ranks import World
from .shares import Shares
from .state import Gradients
from .stop import Notice


class Agreed(NamedTuple):
    """Whether all stop at a seam, and whether all save there and go on."""

    stop: bool
    save: bool


class Team:
    """One process's view of all that train the run. virtual: pieces of a batch, whoever computes them; 0 for none.

    Raises Misuse for more processes than a batch can be shared by.
    """

    def __init__(self, world: World, feed: Feed, seed: int, virtual: int) -> None:
        self.world = world
        self._feed, self._seed, self._accord = feed, seed, Accord(world)
        self._shares = Shares(feed.batch_size, world.rank, world.size, virtual)
        self._pieces = Pieces(self._shares, world) if virtual else None
        self._share, self._models = parallel.Share(), list[nn.Module]()
        self._counts, self._samples, self._position = [1], 1, Position()
        self.sharded = False  # whether processes hold parts of a model alone

    @property
    def batches(self) -> int:
        """Batches in an epoch."""
        return self._feed.batches

    def model(self, model: nn.Module, options: dict[str, Any]) -> nn.Module:
        """The model as the loop is to call it; the same weights in every process. Raises Misuse for one that is shared
        already, and for sparse gradients, which no tree and no bucket takes."""
        if any(model is other for other in self._models):
            raise Misuse(
                "parallel(model): this model is shared already; call it once for each, and use what it returns"
            )
        if self._shares.pieces > 1 and any(getattr(module, "sparse", False) for module in model.modules()):
            raise Misuse("parallel(model): an Embedding(sparse=True) has sparse gradients; make it with sparse=False")
        self._models.append(model)
        self.world.follow([*model.parameters(), *model.buffers()])
        if self._pieces is not None:
            self._pieces.modules.append(model)
            return model
        if self.world.size == 1:
            return model
        return parallel.wrapped(model, self._share, options, partial(self.world.follow, [*model.buffers()]))

    def shard(self, module: nn.Module, options: dict[str, Any]) -> nn.Module:
        """The module, of which every process holds a part alone; itself where one trains alone. Raises Misuse."""
        if self._pieces is not None:
            raise Misuse("parallel(shard=True): virtual ranks compute with whole models; take one of the two")
        if self.world.size == 1:
            return self.model(module, {})
        from . import fsdp  # noqa: PLC0415 (takes long, and few need it)

        self.world.follow([t for t in [*module.parameters(), *module.buffers()] if _whole(t)])
        self._models.append(module)
        self.sharded = True
        return fsdp.sharded(module, self.world, self._share, options)

    def check(self, parts: Mapping[str, object]) -> None:
        """Refuse optimizers of models that nobody shares: each process would train its own. Raises Misuse."""
        if self._shares.pieces == 1:
            return
        shared = {id(p) for model in self._models for p in model.parameters()}
        for name, part in parts.items():
            groups = part.param_groups if isinstance(part, Optimizer) else []
            if any(id(p) not in shared for group in groups for p in group["params"]):
                raise Misuse(
                    f"keep({name}=…) trains what no run.parallel(model) shares: each process would go its own way"
                )

    def stream(self, position: Position, epochs: int) -> Generator[Any]:
        """This process's shares of all batches from a position on."""
        stream = self._feed.stream(self._seed, position, epochs, self._shares)
        return self._rested(stream) if self._feed.workers and self.world.size > 1 else stream

    def _rested(self, stream: Generator[Any]) -> Generator[Any]:
        """The same; its first batch forks the data workers."""
        self.world.rest()
        yield from stream

    def fetch(self, stream: Iterator[Any], position: Position, means: Means) -> Any:
        """This process's share of the batch at a position, its randomness sown; a list of pieces with virtual ranks."""
        if self._pieces is not None and self._pieces.open:
            raise Misuse("run.pieces(batch) was left before its last piece: compute all of them, then step")
        self._position = position
        if self._shares.pieces > 1:
            self._count(means)
        if self.sharded:  # as DistributedDataParallel does: a state holds the lead's
            self.level()
        batch = next(stream) if self._pieces is None else [next(stream) for _ in self._shares.mine]
        self._sow(
            self.world.rank if self._pieces is None else self._shares.pieces
        )  # the fetch has sown for its samples
        return batch

    def _count(self, means: Means) -> None:
        """What this process's pieces of the batch at hand speak for."""
        self._samples = self._feed.size(self._position.batch)
        self._counts = self._shares.counts(self._samples)
        means.samples = sum(self._counts)
        self._share.weight = means.samples * self.world.size / self._samples

    def pieces(self, batch: Any, means: Means) -> Iterator[Any]:
        """What to compute of a batch, one after another."""
        if self._pieces is None:
            return iter([batch])
        counts = iter(self._counts)

        def sow(piece: int) -> None:
            means.samples = next(counts, self._samples)
            self._sow(piece)

        return self._pieces.over(batch, self._counts, self._samples, sow)

    def level(self) -> None:
        """After the batches of an epoch: the buffers of all models as the lead has them, so that all measure alike."""
        if self.world.size > 1:
            self.world.follow([*{id(b): b for model in self._models for b in model.buffers()}.values()])

    def agree(self, notice: Notice, given: bool, save: Callable[[], bool], soon: bool = False) -> Agreed:
        """What all do at this seam; a notice to stop that one was given is every one's. Asked now and then."""
        if self.world.size == 1:
            return Agreed(given, not given and save())
        if not self._accord.due(soon):
            return Agreed(False, False)
        code, wanted, ago = self._accord.reached(Wish(notice.code, self.world.lead and save(), notice.ago))
        if code:
            notice.heed(code, ago)
        return Agreed(code > 0, wanted > 0 and not code)

    def same(self, parts: Iterable[object]) -> None:
        """Before a save, for which the lead speaks: refuse gradients that differ. Raises Misuse."""
        if self.world.size == 1:
            return
        kept = [g for part in parts if isinstance(part, Gradients) for g in part.state_dict().values() if _whole(g)]
        sums = self.world.gather([float(g.double().sum()) for g in kept])
        if any(each != sums[0] for each in sums):
            raise Misuse(
                "the kept gradients differ between the processes at a seam, and one state cannot hold them all: "
                "accumulate over batches without no_sync()"
            )

    def alike(self, parts: Mapping[str, state.Stateful]) -> None:
        """After an epoch: refuse what has drifted apart, since a state holds the lead's alone. Raises Misuse."""
        if self.world.size == 1:
            return
        mine = {name: state.weighed(part.state_dict()) for name, part in parts.items()}
        told = self.world.gather(mine)
        for name in mine:
            if other := next((rank for rank, each in enumerate(told) if each[name] != told[0][name]), 0):
                raise Misuse(
                    f"after this epoch {name} is not the same in processes 0 and {other}, and a state holds only that "
                    "of process 0: call what run.parallel returned, train all parameters from there on, and let no "
                    "process decide by its own loss, clock or random numbers"
                )

    def _sow(self, piece: int) -> None:
        seeds.sow(self._seed, seeds.For.STEP, self._position.epoch, self._position.batch, piece)


def _whole(tensor: Tensor | None) -> TypeGuard[Tensor]:
    """Whether a tensor is there, with values, and every process has all of it."""
    return tensor is not None and not tensor.is_meta and state.local(tensor) is tensor
