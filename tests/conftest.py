"""One profile of hypothesis for all tests, the same examples in each run and no time limit; small matrices on one thread."""

import os
import signal

import pytest
from hypothesis import settings

os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # before NumPy comes: threads of a small matrix wait more than they work
settings.register_profile("economy", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("economy")
if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # a background job of a script: processes that tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_report(request, monkeypatch):
    """Let folders of results be without pictures and page, which take longest; tests of these are marked `report`."""
    if request.node.get_closest_marker("report") is None:
        monkeypatch.setattr("experiments.report.page.write", lambda result, folder: None)


@pytest.fixture(autouse=True)
def shipped_charts():
    """Let a test that registers charts of its own leave none for the others of this process."""
    from experiments.figures import register

    def clear():
        for name in [
            n for n, chart in register.FIGURES.items() if not chart.draw.__module__.startswith("experiments.")
        ]:
            del register.FIGURES[name]

    clear()
    yield
    clear()
