"""A run that is done, and copies of it to disturb"""

import shutil
from pathlib import Path

import pytest

from tests.unbroken import tiny
from unbroken import Keep


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of three epochs with a snapshot of each: the undisturbed one."""
    folder = tmp_path_factory.mktemp("done") / "run"
    tiny.train(folder, epochs=3, snapshots=Keep(every=1))
    return folder


@pytest.fixture
def run(done: Path, tmp_path: Path) -> Path:
    """A copy of it, to go on from or to damage."""
    return Path(shutil.copytree(done, tmp_path / "run"))
