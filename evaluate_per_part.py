"""Evaluate a checkpoint: python evaluate_per_part.py --checkpoint ./exp_per_part/checkpoint.pt"""

from perpart import interrupts  # noqa: F401
from perpart.evaluate import main

if __name__ == "__main__":
    main()
