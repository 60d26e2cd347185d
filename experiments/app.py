"""The page for `solara run experiments/app.py`; its parts are in `experiments/page/`."""

from experiments.page.app import *  # noqa: F403
from experiments.page.app import Page as Page
