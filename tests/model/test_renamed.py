"""Labs' names of the version before are understood wherever a lab is named, and a warning says what each is called now."""

import json
import warnings

import pytest

from agents.lab import FIRMS, FORMER
from experiments import cli
from experiments.page.state import parse
from experiments.runs.options import assignments
from experiments.sweeps import design
from model import InferenceEconomy, Scenario
from model.core.errors import InputError
from model.core.renamed import Renamed
from model.scenario import today

BASE = Scenario.load("baseline")
RACE = BASE.with_overrides({"lab.lab_a.rule": "race"})
SAID = "lab 'alpha' is now called 'lab_a'"


def test_every_former_name_has_one_of_today_in_the_same_order():
    assert list(FORMER) == ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
    assert list(FORMER.values()) == list(FIRMS) == [f"lab_{letter}" for letter in "abcdefgh"]
    for former, now in FORMER.items():
        with pytest.warns(Renamed, match=f"'{former}' is now called '{now}'"):
            assert today(f"lab.{former}.rule") == f"lab.{now}.rule"


def test_overrides_by_a_former_name_are_those_by_the_name_of_today():
    with pytest.warns(Renamed, match=SAID) as said:
        assert BASE.with_overrides({"lab.alpha.rule": "race"}) == RACE
    assert said[0].filename == __file__  # the user's line, not one of the model's
    with pytest.warns(Renamed, match="'zeta'"):
        home = BASE.with_overrides({"provider.neo_a.integrated_lab": "zeta"})
    assert home.firms["provider"]["neo_a"].integrated_lab == "lab_f"
    with pytest.warns(Renamed), pytest.raises(InputError, match="set twice"):
        BASE.with_overrides({"lab.lab_a.rule": "race", "lab.alpha.rule": "erdil"})


def test_files_and_manifests_of_the_version_before_are_read(tmp_path):
    path = tmp_path / "old.toml"
    path.write_text('schema = 1\nextends = "baseline"\n[[lab.firm]]\nname = "alpha"\nrule = "race"\n')
    with pytest.warns(Renamed, match=SAID):
        assert Scenario.load(path).firms == RACE.firms
    values = RACE.values()
    back = {now: former for former, now in FORMER.items()}
    values["lab"] = {
        ".".join((back[n.split(".")[0]], n.split(".")[1])) if "." in n else n: v for n, v in values["lab"].items()
    }
    values["provider"] = {n: back.get(v, v) for n, v in values["provider"].items()}
    run = {"start": BASE.start, "months": BASE.months, "humans": BASE.humans}
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"scenario": "baseline", "run": run, "parameters": values}))
    with pytest.warns(Renamed):
        told = Scenario.load(manifest)
    assert told.firms == RACE.firms
    assert list(told.firms["lab"]) == list(FIRMS)


def test_economies_sweeps_and_links_take_a_former_name():
    with pytest.warns(Renamed, match=SAID):
        e = InferenceEconomy(months=1, humans=30, lab__alpha__rule="race")
    assert e.settings.firms == RACE.firms
    with pytest.warns(Renamed, match=SAID):
        assert e.row("Lab", "alpha") is e.row("Lab", "lab_a")
    with pytest.warns(Renamed, match=SAID):
        assert e.explain("lab.alpha.rule") == e.explain("lab.lab_a.rule")
    e.close()
    with pytest.warns(Renamed, match=SAID):
        swept = design.read({"schema": 1, "parameters": {"lab.alpha.rule": ["race", "profit"]}})
    assert swept.names == ("lab.lab_a.rule",)
    with pytest.warns(Renamed, match=SAID):
        assert parse("set=lab.alpha.rule:race").changes == {"lab.lab_a.rule": "race"}
    with pytest.warns(Renamed, match=SAID), pytest.raises(InputError, match="given twice"):
        assignments(["lab.alpha.rule=race", "lab.lab_a.rule=race"])


def test_the_command_says_it_once_and_in_one_line(tmp_path, capsys):
    size = ["--humans", "30", "--months", "1", "--out", str(tmp_path / "run"), "--json"]
    assert cli.main(["run", *size, "--set", "lab.alpha.rule=race", "--set", "lab.alpha.forecaster=trend"]) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "alpha" in line]
    assert told == [f"economy: {SAID}; the next version no longer knows 'alpha'"]


def test_names_of_today_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error", Renamed)
        assert BASE.with_overrides({"lab.lab_a.rule": "race"}) == RACE
        Scenario.load("training-race")
