import numpy as np
from matplotlib.image import imread

from perpart.data.check import check
from perpart.data.survey import survey
from tests.perpart import own


def coloured(path) -> float:
    """The share of a picture that is neither white nor grey."""
    image = imread(path)[..., :3]
    return float((np.ptp(image, axis=-1) > 0.1).mean())


def test_every_object_is_drawn_with_its_touches(tmp_path):
    survey(check(own.mesh_folder(tmp_path / "data")), tmp_path / "good.png")
    assert imread(tmp_path / "good.png").shape[:2] == (275, 1188)
    assert coloured(tmp_path / "good.png") > 0.01


def test_what_cannot_be_used_is_drawn_as_far_as_it_can_be_read(tmp_path):
    folder = own.angles_folder(tmp_path / "data", angles=np.full((6, 21), np.nan))
    survey(check(folder), tmp_path / "grey.png")
    assert coloured(tmp_path / "grey.png") < 0.005
    (folder / "grasps.json").unlink()
    survey(check(folder), tmp_path / "empty.png")
    assert (tmp_path / "empty.png").is_file()
