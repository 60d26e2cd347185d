"""Scored series, their operators, and what of an observation file counts."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from experiments.calibration import observed, operators, scored
from model import InferenceEconomy
from model.core.errors import InputError


@pytest.fixture(scope="module")
def view():
    economy = InferenceEconomy("baseline", humans=100, months=36, seed=1).run()
    tables = economy.tables()
    economy.close()
    return tables, operators.seen(observed.wide(tables))


def write(path, text):
    path.write_text(text)
    return path


def test_each_series_has_an_operator_with_a_meaning_and_a_block():
    table = scored.series_table()
    assert table["series"].is_unique().all()
    assert set(table["operator"]) == set(operators.OPERATORS)
    assert set(table["block"]) == set(scored.BLOCKS)
    assert set(table["scale"]) == {"log", "logit"}
    assert table["sd"].min() > 0.0
    for op in operators.OPERATORS.values():
        assert len(op.meaning) > 20, op.name


def test_each_series_is_in_the_table_of_observations():
    assert set(scored.series_table()["series"]) <= set(scored.read()["series"])


def test_operators_are_in_the_units_of_what_is_observed(view):
    tables, seen = view
    last, monthly = seen.row(-1, named=True), tables["monthly"].row(-1, named=True)
    assert last["chatgpt_weekly_users"] == pytest.approx(0.65 * monthly["adopters"])
    assert last["tokens_google"] == pytest.approx(0.41 * monthly["tokens"])
    assert last["chips_sold_nvidia"] == pytest.approx(0.8 * monthly["chips_sold_cumulative_h100e"])
    assert last["tokens_foundry"] == pytest.approx(0.28 * tables["monthly"]["tokens"].tail(3).sum())
    flows = tables["flows"].filter(pl.col("month") >= pl.date(2024, 10, 1))
    chips = flows.filter(pl.col("item") == "chips: deposits and deliveries")["usd"].sum()
    assert last["nvidia_revenue"] == pytest.approx(0.8e-9 * chips)
    assert 0.0 < last["serving_share_of_spending"] < 1.0


def test_shares_fixed_for_tokens_follow_from_rows_before_2025():
    def value(series, date):
        return observed.points(series).filter(pl.col("date") == date)["value"].item()

    google, foundry = value("tokens_google_month", "2024-04"), value("tokens_microsoft_foundry_quarter", "2024-03") / 3
    china = (value("tokens_china_day", "2024-01") + value("tokens_doubao_day", "2024-05")) / 2 * observed.DAYS
    world = google + foundry + china + value("tokens_openai_all_month", "2024-02")
    assert google / world == pytest.approx(operators.GOOGLE_TOKENS, abs=0.01)
    assert foundry / world == pytest.approx(operators.FOUNDRY_TOKENS, abs=0.01)
    assert china / world == pytest.approx(operators.CHINA_TOKENS, abs=0.01)
    assert value("robotaxi_waymo_rides_week", "2024-08") / value("robotaxi_waymo_fleet", "2024-08") == pytest.approx(
        operators.RIDES_PER_CAR
    )


def test_shipped_rows_that_count_were_read_and_end_in_2025_11():
    table = pl.read_csv(observed.FILE, infer_schema=False)
    kept = scored.read()
    later = table.filter(pl.col("date") > scored.LAST)
    assert later.height > 0
    assert kept["date"].max() <= scored.LAST
    memory = table.filter(pl.col("read_or_memory") == "memory").with_columns(pl.col("value").cast(pl.Float64))
    assert kept.join(memory, on=["series", "date", "value"]).height == 0
    assert not set(kept["series"]) & set(table.filter(pl.col("split") == "forecast")["series"]) - set(
        table.filter(pl.col("split").is_in(scored.COUNTED))["series"]
    )


def test_rows_added_after_the_end_never_count(tmp_path, monkeypatch):
    table = pl.read_csv(observed.FILE, infer_schema=False)
    late = table.filter((pl.col("series") == "chatgpt_wau") & (pl.col("date") == "2025-10"))
    rows = [late.with_columns(date=pl.lit(d), split=pl.lit("validate")) for d in ("2025-12", "2026-03", "2026")]
    path = tmp_path / "observations.csv"
    pl.concat([table, *rows]).write_csv(path)
    before = scored.read()
    monkeypatch.setattr(scored, "FILE", path)
    assert scored.read().equals(before)


def test_a_users_file_needs_three_columns_and_its_split_is_ignored(tmp_path):
    text = "series,date,value,split\nchatgpt_wau,2025-07,7e8,forecast\nmystery,2025-07,3,validate\n"
    table = scored.read(write(tmp_path / "a.csv", text))
    assert table.height == 2
    assert scored.mapped(table)["y"].to_list() == [pytest.approx(math.log(7e8))]
    assert scored.unmapped(table) == ["mystery"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("series,date\nchatgpt_wau,2025-07\n", "no column 'value'"),
        ("series,date,value\nchatgpt_wau,2025-13,7e8\n", "line 2: date = '2025-13': is no date; must be YYYY-MM"),
        ("series,date,value\nchatgpt_wau,July,7e8\n", "line 2: date"),
        ("series,date,value\nchatgpt_wau,2025-07,many\n", "value = 'many': must be a finite number"),
        ("series,date,value\nchatgpt_wau,2025-07,inf\n", "must be a finite number"),
        ("series,date,value\nchatgpt_wau,2025-07,\n", "must be a finite number"),
        ("series,date,value\nchatgpt_wau,2025-07,0\n", "must be above 0"),
        ("series,date,value\ngenai_share_working_age,2025-07,15.1\n", "must be in [0, 1]"),
        ("series,date,value\n,2025-07,3\n", "line 2: no series"),
        ("", "is empty"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path, text, says):
    with pytest.raises(InputError) as caught:
        scored.mapped(scored.read(write(tmp_path / "bad.csv", text)))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        scored.read(tmp_path / "none.csv")


def test_records_keep_only_what_exceeds_all_before_and_twins_count_once():
    points = scored.mapped(scored.read())
    runs = points.filter(pl.col("series") == "train_compute_frontier")
    assert (runs["value"].diff().drop_nulls() > 0.0).all()
    google = points.filter(pl.col("series") == "tokens_google_month")["date"].to_list()
    assert "2025-06" in google
    assert "2025-07" not in google


def test_bands_add_the_published_range_and_the_stated_one():
    row = scored.mapped(scored.read()).filter((pl.col("series") == "metr_horizon_p50") & (pl.col("date") == "2025-11"))
    assert row["sd"].item() > 0.4


def test_model_values_are_on_the_scale_of_errors():
    points = pl.DataFrame({"index": [0, 1], "operator": ["a", "b"], "scale": ["log", "logit"]})
    paths = np.array([[[1.0, 0.2], [math.e, 0.5]], [[-1.0, 0.2], [1.0, np.nan]]])
    found = scored.model_values(paths, ["a", "b"], points)
    assert found[0].tolist() == [0.0, 0.0]
    assert np.isnan(found[1]).all()


def test_transform_and_back():
    for scale, value in (("log", 3.0), ("logit", 0.2)):
        assert scored.untransform(np.array(scored.transform(value, scale)), scale) == pytest.approx(value)
