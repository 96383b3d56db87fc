"""The data card's pictures"""

import numpy as np
from PIL import Image

from perpart.grasps import measures, plots


def test_the_pictures_are_small_palettes_and_show_something(graspset, tmp_path):
    found = measures.touched(graspset)
    numbers = {
        **measures.counts(graspset), "contact": measures.contact(found), "tries": measures.rejections({"accepted": 15}),
    }  # fmt: skip
    names = plots.draw(tmp_path, graspset, numbers, found)
    assert sorted(names.values()) == sorted(path.name for path in tmp_path.iterdir())
    for name in names.values():
        with Image.open(tmp_path / name) as image:
            assert image.mode == "P"
            assert np.asarray(image.convert("L")).std() > 5
        assert (tmp_path / name).stat().st_size < 100_000
