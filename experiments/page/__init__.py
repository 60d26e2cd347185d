"""The parts of the browser page; `experiments/app.py` puts them together."""
