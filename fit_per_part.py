"""Fit hands to contact maps: python fit_per_part.py --maps maps --object mug.ply --out hands"""

from perpart import interrupts  # noqa: F401
from perpart.fit import main

if __name__ == "__main__":
    main()
