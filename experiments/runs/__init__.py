"""Runs of scenarios: sources, processes, results, folders, stores."""
