"""One profile of hypothesis for all tests: the same examples in each run, and no time limit for one of them."""

from hypothesis import settings

settings.register_profile("economy", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("economy")
