"""The command `economy`, also `python -m inference_economy`."""

import sys

from experiments.cli import main

if __name__ == "__main__":
    sys.exit(main())
