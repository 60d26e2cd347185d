"""Part of the economy."""
