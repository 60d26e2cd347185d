"""Series recorded beside the shipped ones: from a notebook and from a plug-in, in tables, sweeps, comparisons and explanations."""

from __future__ import annotations

import math

import pytest

from experiments import compare, run, sweep
from model import InferenceEconomy, checkpoint
from model.core.errors import InputError
from model.results.record import NAMES, Series

SMALL = {"humans": 20, "months": 3}


def per_person(x):
    """Tokens a person online."""
    return float(x.f.served_tokens.sum()) / x.w.humans


PER_PERSON = Series("tokens_per_person", "token", "tokens served per person online", per_person)


def test_a_series_of_a_user_is_recorded_and_explained():
    """A lambda as in a notebook: history, result tables, explanation, Mesa's collector; the shipped series are as they were."""
    mine = Series("workers", "people", "people online and robots", lambda x: x.w.humans + x.w.robots)
    with (
        InferenceEconomy("baseline", **SMALL, series=[mine, PER_PERSON]) as e,
        InferenceEconomy("baseline", **SMALL) as plain,
    ):
        before = e.explain("workers")
        assert before.value == "not defined yet"
        e.run()
        history = e.history
        assert history.select(plain.run().history.columns).equals(plain.history)
        assert history.columns == [*plain.history.columns, "workers", "tokens_per_person"]
        assert history["tokens_per_person"].to_list() == (history["tokens"] / history["humans"]).to_list()
        assert e.tables()["monthly"]["workers"].to_list() == history["workers"].to_list()
        assert e.datacollector.get_model_vars_dataframe()["workers"].tolist() == history["workers"].to_list()
        told = e.explain("workers")
        assert (told.unit, told.meaning, told.formula) == (
            "people",
            "people online and robots",
            "x.w.humans + x.w.robots",
        )
        assert told.where.partition(", line ")[0].endswith("tests/model/test_series.py")
        with pytest.raises(InputError, match="unknown name 'workerz'; nearest: 'workers'"):
            e.explain("workerz")


@pytest.mark.usefixtures("no_report")
def test_a_series_goes_to_other_processes(tmp_path):
    """Two seeds in two processes, a sweep, a comparison; what is kept says that it was recorded."""
    alone = InferenceEconomy("baseline", **SMALL, series=[PER_PERSON]).run().history["tokens_per_person"]
    both = run("baseline", **SMALL, seeds=2, workers=2, series=[PER_PERSON], out=tmp_path / "out")
    assert both.monthly.filter(seed=1)["tokens_per_person"].to_list() == alone.to_list()
    assert both.manifest["added"] == {"series": ["tokens_per_person"]}
    with pytest.raises(InputError, match=r"added\.series: tokens_per_person there, none here"):
        run("baseline", **SMALL, seeds=2, out=tmp_path / "out")
    design = {"run": SMALL, "record": {"series": ["tokens_per_person"], "months": "all"}}
    assert sweep(design, workers=1, series=[PER_PERSON])["tokens_per_person"].to_list() == alone.to_list()
    with pytest.raises(InputError, match="unknown series 'tokens_per_person'; nearest: 'tokens"):
        sweep(design, workers=1)


def test_a_series_of_a_plug_in_is_compared(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    text = 'from model.results.record import Series\nSERIES = [Series("labs_cash_usd", "USD", "cash of labs", lambda x: float(x.e.labs.cash_usd.sum()))]\n'
    (tmp_path / "cash_of_labs.py").write_text(text)
    apart = compare("baseline", "baseline", **SMALL, seeds=2, workers=1, plugins=["cash_of_labs"], months_at="all",
                    overrides_b={"lab.runway_months": 18})  # fmt: skip
    assert "labs_cash_usd" in apart["series"].to_list()
    assert apart.filter(series="labs_cash_usd")["difference"][0] > 0.0


def test_a_checkpoint_keeps_an_added_series(tmp_path):
    e = InferenceEconomy("baseline", **SMALL, series=[PER_PERSON])
    e.step()
    checkpoint.save(e, tmp_path / "c")
    again = checkpoint.load(tmp_path / "c", scenario=e.settings)
    assert again.run().history.equals(e.run().history)


@pytest.mark.parametrize(
    ("series", "says"),
    [
        (
            [Series("tokens", "token", "again", per_person)],
            "series 'tokens': its name must be .* none that is recorded already",
        ),
        (
            [Series("my series", "token", "again", per_person)],
            "series 'my series': its name must be letters, digits and _",
        ),
        ([PER_PERSON, PER_PERSON], "series: 'tokens_per_person' stands twice"),
        ([Series("mine", "token", "again", 1.0)], "series 'mine': must be Series"),
        (["tokens"], "series: 'tokens' is no Series"),
        (PER_PERSON, "series: 'tokens_per_person' is no Series"),
        (7, "series = 7: must be a list of Series"),
    ],
)
def test_what_is_no_series_is_refused_in_one_line(series, says):
    with pytest.raises(InputError, match=says) as caught:
        run("baseline", **SMALL, workers=1, series=series)
    assert "\n" not in str(caught.value)


def test_a_formula_without_a_number_is_named():
    with pytest.raises(InputError, match="series 'mine': its formula gives 'many': must be a number"):
        InferenceEconomy("baseline", **SMALL, series=[Series("mine", "-", "none", lambda x: "many")]).run()
    e = InferenceEconomy("baseline", **SMALL, series=[Series("mine", "-", "none", lambda x: math.nan)]).run()
    assert e.history["mine"].null_count() == 3
    assert len(set(e.history.columns)) == len(NAMES) + 2
