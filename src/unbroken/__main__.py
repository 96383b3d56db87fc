"""python -m unbroken list|show|verify|diff|join|split|report|prove|plan: states, stories, proofs

Exit code 0: all is well; 1: a state is damaged, or two differ; 2: the question was wrong. `list`, `report`, `show` and
`plan` import no torch.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
import traceback
from collections.abc import Callable

from .errors import Error

Verb = Callable[[argparse.Namespace], int]
EXAMPLES = {
    "list": ("exp", "exp_a exp_b", "exp/checkpoints --json"),
    "show": ("exp", "exp/best.pt", "exp/checkpoints/E1000_net.pt --json"),
    "verify": ("exp", "exp/checkpoint.pt", "exp_a exp_b --json"),
    "diff": ("exp_a exp_b", "exp/checkpoint.pt exp/checkpoint.prev.pt", "exp/best.pt weights.safetensors"),
    "join": ("exp one.pt", "exp/checkpoints/E1000_net.pt one.pt", "/shared/exp /tmp/one.pt"),
    "split": ("one.pt exp_new", "one.pt exp_new --parts 8", "exp/best.pt /shared/exp"),
    "report": ("exp", "exp_a exp_b --out both.html", "exp --watch"),
    "prove": (
        "-- python train.py --out {work_dir}",
        "--kills 20 --seed 1 -- python train.py --out {work_dir}",
        "--kills 0 -- python train.py --out {work_dir}",
    ),
    "plan": ("exp --mtbf 6h", "exp --mtbf 30d --nodes 64", "exp --mtbf 6h --grace 2min --json"),
}
"""What follows each verb, in three commands that its help shows."""
FIRST = ("list exp", "report exp", "prove -- python train.py --out {work_dir}")
"""What the help without a verb shows."""


def main(words: list[str]) -> int:
    """Obey a command line; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a letter is no reason to stop
    options = _parser(words[0] if words else "").parse_args(words)
    try:
        code = _verb(options.verb)(options)
        sys.stdout.flush()
    except Error as reason:
        if options.debug:
            traceback.print_exc()
        print(f"error: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read along, such as `head`, has seen enough
        _mute()
        return 0
    except OSError as reason:
        if reason.errno != errno.ENOSPC or options.debug:
            raise
        _mute()
        print(f"error: output cannot be written ({reason.strerror}); make room, or send it elsewhere", file=sys.stderr)
        return 2
    return code


def _mute() -> None:
    """What is left in standard output has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(asked: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m unbroken",
        description="Look at the states of runs, tell their stories, prove that they continue.",
        epilog="\n".join(["examples:", *(f"  python -m unbroken {words}" for words in FIRST)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, told in (
        (
            "list",
            "one line for each run: how it stands; and for each of its states: position, age, size, completeness",
        ),
        ("show", "what a state holds: parts, tensors with their shapes, settings, environment"),
        ("verify", "read every value and compare it with the digest; exit code 1 when a state is damaged"),
    ):
        one = verbs.add_parser(verb, help=told, description=told)
        one.add_argument("paths", nargs="+", metavar="PATH", help="a work dir, or one file")
        one.add_argument("--json", action="store_true", help="the same for programs")
    told = "the first leaf that differs, with both values; exit code 1 when one does"
    two = verbs.add_parser("diff", help=told, description=f"{told}. Also .pt, .pth, .ckpt and .safetensors of others.")
    two.add_argument("paths", nargs=2, metavar="PATH", help="a work dir, or one file")
    two.add_argument("--json", action="store_true", help="the same for programs")
    for verb, told, paths in (
        ("join", "make one file of a state in shards, as one process saves it", ("state", "file")),
        (
            "split",
            "make a work dir with a state in shards of one file, as several processes save it",
            ("state", "folder"),
        ),
    ):
        one = verbs.add_parser(verb, help=told, description=told)
        one.add_argument(paths[0], metavar="PATH", help="a work dir, or one file")
        one.add_argument(paths[1], metavar="NEW", help=f"a new {paths[1]}")
    one.add_argument("--parts", type=int, default=2, help="files to cut it into; any number of processes reads them")
    proof = verbs.add_parser("prove", help="run a command in peace and with kills, and compare what both leave")
    if asked == "prove":
        from . import prove  # noqa: PLC0415 (imports torch)

        prove.arguments(proof)
    told = "what share of the time trains for good where jobs are stopped, and how often to save"
    planning = verbs.add_parser("plan", help=told, description=f"Tells {told}.")
    if asked == "plan":
        from . import plan  # noqa: PLC0415 (imports numpy)

        plan.arguments(planning)
    told = "the story of runs as one HTML page: curves, sessions, where the time went"
    story = verbs.add_parser("report", help=told, description=f"Writes {told}.")
    if asked == "report":
        from . import report  # noqa: PLC0415 (imports numpy)

        report.arguments(story)
    for verb, one in verbs.choices.items():
        one.add_argument("--debug", action="store_true", help="on an error, its traceback too")
        told = "\n".join(f"  python -m unbroken {verb} {words}" for words in EXAMPLES[verb])
        one.epilog, one.formatter_class = f"examples:\n{told}", argparse.RawDescriptionHelpFormatter
    return parser


def _verb(name: str) -> Verb:
    """What a verb does, imported when it is asked for: some need torch, which takes seconds."""
    if name in ("list", "show"):
        from . import listing, roster  # noqa: PLC0415

        return roster.enlist if name == "list" else listing.show
    if name in ("join", "split"):
        from . import join  # noqa: PLC0415

        return join.join if name == "join" else join.split
    if name == "prove":
        from . import prove  # noqa: PLC0415

        return prove.prove
    if name == "plan":
        from . import plan  # noqa: PLC0415

        return plan.plan
    if name == "report":
        from . import report  # noqa: PLC0415

        return report.report
    from . import verdict  # noqa: PLC0415

    return verdict.verify if name == "verify" else verdict.diff


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
