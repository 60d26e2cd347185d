"""Designs of runs and what is learned from them."""
