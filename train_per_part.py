"""Train, or go on training: python train_per_part.py --work-dir ./exp_per_part"""

from perpart import interrupts  # noqa: F401
from perpart.train import main

if __name__ == "__main__":
    main()
