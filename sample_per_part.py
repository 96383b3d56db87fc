"""Draw contact maps: python sample_per_part.py --checkpoint exp_per_part/checkpoint.pt --object mug.ply --out maps"""

from perpart import interrupts  # noqa: F401
from perpart.sample import main

if __name__ == "__main__":
    main()
