"""Look at drawn contact maps: python show_per_part.py --samples maps --out mug.html"""

from perpart import interrupts  # noqa: F401
from perpart.show import main

if __name__ == "__main__":
    main()
