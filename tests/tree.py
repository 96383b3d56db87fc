"""The README's tree: one line per file, its docstring's first line; `python -m tests.tree` prints it"""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
SHOWN = ("src", "tests", "benchmarks", "examples")


def tree() -> str:
    """Every python file under version control by folder, with what it is."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    mirrors = ("tests/perpart/", "tests/unbroken/")  # one test file per source file: no second list of them
    lines = [line for line in listed.splitlines() if not line.startswith(mirrors)]
    paths = [Path(line) for line in lines if Path(line).name != "__init__.py" or "src" in line]
    folders = sorted({path.parent for path in paths}, key=lambda f: ((*SHOWN, "").index((f.parts or ("",))[0]), f))
    blocks = [_block(folder, [path for path in paths if path.parent == folder]) for folder in folders]
    return "\n".join([*blocks, "tests/perpart/, tests/unbroken/\n  one test file per source file"])


def first_line(path: Path) -> str:
    """The first line of a file's docstring. Raises AssertionError where there is none."""
    docstring = ast.get_docstring(ast.parse((ROOT / path).read_text()))
    assert docstring, f"{path} has no docstring"
    return docstring.splitlines()[0]


def _block(folder: Path, paths: list[Path]) -> str:
    width = max(len(path.name) for path in paths)
    lines = [f"  {path.name.ljust(width)}  {first_line(path)}" for path in sorted(paths)]
    return "\n".join([f"{folder}/" if folder.parts else "./", *lines])


if __name__ == "__main__":
    print(tree())
