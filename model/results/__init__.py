"""What a run leaves behind: series, tables, accounts, regret, and where a number comes from."""
