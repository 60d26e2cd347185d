"""The month in pieces: each stage reads last month's state and posted prices and writes flows; `model/month.py` orders them."""
