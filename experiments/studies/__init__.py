"""Questions put to many runs: comparison, ablation, ranges, rules of auctions, regimes, regret."""
