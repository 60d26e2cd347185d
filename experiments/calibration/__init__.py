"""The economy held against observations: operators, priors, fits, backtests and forecasts of others."""
