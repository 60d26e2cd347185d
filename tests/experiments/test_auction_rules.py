"""Rules of the attention auctions compared on common random numbers."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from experiments.studies import auction_rules
from model import InferenceEconomy
from model.markets.auction import RULES


def test_the_table_of_the_report_covers_rules_and_quantities():
    table = auction_rules.load()
    assert table["rule"].unique(maintain_order=True).to_list() == list(RULES)
    assert set(table["quantity"]) == set(auction_rules.QUANTITIES)
    assert (table.filter(table["rule"] == next(iter(RULES)))["difference"] == 0.0).all()


@pytest.mark.long
def test_transfers_net_to_zero_in_welfare():
    """Held against the tables of the same runs: what is paid comes from the flows, values from the monthly series."""
    found = auction_rules.run(2, 40, 108, workers=2)
    means = {(o.rule, o.quantity): o.mean for o in found}
    values, paid = [], []
    for seed in (1, 2):
        tables = InferenceEconomy(auction_rules.SCENARIO, humans=40, months=108, seed=seed).run().tables()
        last = tables["monthly"]["month"].max()
        year = pl.col("month") > last.replace(year=last.year - 1)
        months = tables["monthly"].filter(year)
        assert months.height == 12
        values.append(months["services_value_usd"].sum() + months["principals_value_usd"].sum())
        flows = tables["flows"].filter(year, pl.col("item").is_in(["advertising", "invocations by agents"]))
        assert set(flows["payee"]) == {"applications", "orchestrators"}
        paid.append(flows["usd"].sum())
    assert means["gsp", "welfare_usd"] == pytest.approx(np.mean(values), rel=1e-12)
    assert means["gsp", "platforms_usd"] == pytest.approx(np.mean(paid), rel=1e-12)
    for rule in RULES:
        value = means[rule, "services_surplus_usd"] + means[rule, "platforms_usd"] + means[rule, "principals_value_usd"]
        assert value == pytest.approx(means[rule, "welfare_usd"], rel=1e-12)
        assert means[rule, "services_surplus_usd"] > 0.0
    assert means["logit", "platforms_usd"] == 0.0
    assert means["first_price", "platforms_usd"] > means["gsp", "platforms_usd"] >= means["vcg", "platforms_usd"] * 0.99


@pytest.mark.long
def test_the_stored_table_is_this_model():
    stored = {(r["rule"], r["quantity"]): r for r in auction_rules.load().iter_rows(named=True)}
    for o in auction_rules.run(8):
        row = stored[o.rule, o.quantity]
        assert np.isclose(o.mean, row["mean"], rtol=2e-3), (o.rule, o.quantity)
