"""The parts of the browser page; `experiments/page/app.py` puts them together."""
