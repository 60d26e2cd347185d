"""Published results: claim, expected, obtained, verdict."""
