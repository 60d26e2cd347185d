"""Regimes of compute: shares that sum, names by their thresholds, boundaries between cells, one lab's hours beside AI-2027's."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from experiments import figures
from experiments.studies import regimes
from model import InferenceEconomy
from model.core.errors import InputError
from model.results import accounts

X, Y = "lab.life_months", "lab.ceiling_quality"


@pytest.fixture(scope="module")
def run():
    economy = InferenceEconomy("baseline", humans=60, months=36, seed=1).run()
    found = economy.tables()
    economy.close()
    return found


def test_shares_of_a_year_sum_to_one(run):
    found = regimes.year_of(run, 2024)
    parts = [found[name] for name in ("serving", "training", "experiments", "synthetic", "automation")]
    assert sum(parts) == pytest.approx(1.0)
    hours = run["compute"].filter(pl.col("month").dt.year() == 2024)
    serving = hours.filter(pl.col("purpose") == "serving")["accelerator_hours"].sum()
    rest = hours.filter(~pl.col("purpose").is_in(["ranking", "other", "on_board"]))["accelerator_hours"].sum()
    assert found["serving"] == pytest.approx(serving / rest)
    assert found["rho"] == pytest.approx(
        run["monthly"].filter(pl.col("month").dt.year() == 2024)["rd_to_revenue"].mean()
    )
    with pytest.raises(InputError, match="year = 2031"):
        regimes.year_of(run, 2031)


@pytest.mark.parametrize(
    ("shares", "name"),
    [((2 / 3, 0.1, 0.1), "inference"), ((0.66, 0.1, 0.2), "parity"), ((1 / 3, 0.1, 0.5), "parity"),
     ((0.33, 0.3, 0.2), "training"), ((0.13, 0.2, 0.3), "research automation")],
)  # fmt: skip
def test_thresholds(shares, name):
    assert regimes.regime(*shares) == name


def test_the_hinge_path_is_that_of_the_accounts(run):
    path = regimes.hinge_path(run["monthly"])
    assert path["year"].to_list() == [2022, 2023, 2024]
    at = path.row(-1, named=True)
    told = accounts.hinge(at["rho"], 1.0, at["m"], gross_profit_elasticity=at["eta"])
    assert at["implied"] == pytest.approx(float(told.share_usd_implied))
    assert at["wanted"] == pytest.approx(at["eta"] * at["m"] * at["G"])


def test_the_boundary_lies_between_its_neighbours():
    table = pl.DataFrame({X: [12.0, 24.0, 12.0, 24.0, 12.0, 24.0], Y: [0.3, 0.3, 1.0, 1.0, 1.5, 1.5], "serving": [0.7, 0.4, 0.3, 0.2, 0.5, 0.1]})  # fmt: skip
    found = dict(regimes.boundary(table, X, Y).rows())
    assert found[0.3] == pytest.approx(20.0)
    assert found[1.0] is None
    assert found[1.5] == pytest.approx(12.0)
    assert dict(regimes.boundary(table, X, Y, 2 / 3).rows())[0.3] == pytest.approx(12.0 + 12.0 * (0.7 - 2 / 3) / 0.3)


def test_a_grid_is_run_and_drawn():
    table = regimes.over((X, [12.0, 48.0]), (Y, [0.3, 1.0]), 2023, humans=30, seeds=(1, 2), workers=1)
    assert table.height == 8
    assert table.select(X, Y, "seed").n_unique() == 8
    chart = figures.regimes(table, X, Y, 2023).to_dict()
    cells = next(d for d in (pl.DataFrame(d) for d in chart["datasets"].values()) if "hinge" in d.columns)
    assert cells.height == 4
    assert set(cells["regime"]) <= set(regimes.REGIMES)
    assert "2 runs" in chart["title"]["subtitle"][-1]
    with pytest.raises(InputError, match=r"lab\.life_months"):
        regimes.over(("lab.life_month", [1.0]), (Y, [1.0]), 2023, humans=30, workers=1)


def test_one_lab_beside_the_published_table():
    table = regimes.divided(humans=60)
    by = {rule: rows.drop("rule") for (rule,), rows in table.group_by("rule")}
    published, exact, emergent = (by[r].drop("period").to_numpy() for r in ("published", "schedule", "profit"))
    np.testing.assert_allclose(exact, published, rtol=1e-12)
    assert np.abs(emergent - published).max() > 0.05
    np.testing.assert_allclose(emergent.sum(axis=1), 1.0)
    assert published[:, 0].round(2).tolist() == [0.33, 0.3, 0.28, 0.2, 0.19, 0.18, 0.13]
