"""Investment rules: mixable, blind to the future, extended by one class; AI-2027's schedule to the letter."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from agents import lab
from agents.lab import RULES, forecasts, rules
from experiments.runs.digest import code_digest
from model import InferenceEconomy, Scenario
from model.core.errors import InputError
from model.core.units import month_date
from model.layers import neural
from model.markets import auction
from model.scenario import FIRM_TYPES, SECTIONS, Intervention
from tests.reference import lab as oracle

ROOT = Path(__file__).resolve().parents[2]
ALL = {f"lab.{name}.rule": rule for name, rule in zip(lab.FIRMS, [*RULES, *RULES], strict=False)}


def run(months, interventions=(), **overrides):
    scenario = Scenario.load("baseline").with_run(humans=100, months=months).with_overrides(overrides)
    scenario = scenario.__class__(**{**scenario.__dict__, "interventions": (*scenario.interventions, *interventions)})
    return InferenceEconomy(scenario, seed=3)


def test_every_prescribed_rule_says_so():
    assert {name for name, rule in RULES.items() if rule.prescribed} == {"erdil", "revenue_share", "schedule"}
    assert all(rule.uses("2026-05") is None for name, rule in RULES.items() if name != "schedule")


@pytest.mark.parametrize("month", ["2024-01", "2024-12", "2026-07", "2027-04", "2027-11", "2035-12"])
def test_the_schedule_is_the_published_table(month):
    hours = RULES["schedule"].uses(month)
    assert hours == pytest.approx(oracle.scheduled(month))
    assert RULES["schedule"].uses("2023-12") is None


def test_one_line_changes_the_rule_of_one_lab(tmp_path):
    path = tmp_path / "mixed.toml"
    path.write_text('schema = 1\nextends = "baseline"\n[[lab.firm]]\nname = "lab_a"\nrule = "schedule"\n')
    by_file, by_line = Scenario.load(path), Scenario.load("baseline").with_overrides({"lab.lab_a.rule": "schedule"})
    assert by_file.firms == by_line.firms
    assert [f.rule for f in by_line.firms["lab"].values()] == ["schedule"] + ["profit"] * 7
    with pytest.raises(InputError, match=r"lab\.lab_a\.rule.*profit, race, erdil, revenue_share, schedule"):
        Scenario.load("baseline").with_overrides({"lab.lab_a.rule": "timetable"})


def test_a_lab_under_the_schedule_divides_its_hours_as_published():
    """Every month from 2024 to 2028: external deployment and the uses of research, of the hours the lab asks for."""
    e = run(84, **{"lab.lab_a.rule": "schedule"})
    n = e.labs.n
    while e.month < e.months:
        e.step()
        f, month = e.last.flows, month_date(e.month - 1).isoformat()[:7]
        if month < "2024":
            continue
        serving = f.serving_hours.sum(axis=0).reshape(2, n).sum(axis=0)[0]
        assert serving > 0.0
        used = np.array([serving, *f.research_hours[0]]) / (serving + f.research_hours[0].sum())
        training, pre, synthetic, experiments, automation, external, monitoring = oracle.AI2027[
            max(first for first in oracle.AI2027 if first <= month)
        ]
        final = training * pre / 100
        told = np.array([external, final, experiments, training - final, synthetic, automation + monitoring])
        np.testing.assert_allclose(used, told / told.sum(), rtol=1e-12)
    e.close()


def test_no_rule_and_no_forecaster_knows_the_future():
    """An announced change of demand, supply and research in 2025 moves nothing before it."""
    later = [
        Intervention("2025-01", "human.innovation_per_year", 3.0, "multiply"),
        Intervention("2025-01", "lab.discount_per_year", 0.6),
        Intervention("2025-01", "supplier.response", 0.5, "multiply"),
    ]
    mixed = ALL | {f"lab.{name}.forecaster": ("adaptive", "trend")[i % 2] for i, name in enumerate(lab.FIRMS)}
    plain, changed = run(40, **mixed), run(40, later, **mixed)
    for _ in range(36):
        plain.step()
        changed.step()
        for column in ("rd_usd", "wanted_rd_usd", "run_target_flop", "run_parameters", "run_planned_tokens"):
            np.testing.assert_array_equal(getattr(plain.labs, column), getattr(changed.labs, column))
        np.testing.assert_array_equal(plain.nets.price_usd_per_token, changed.nets.price_usd_per_token)
    for _ in range(4):
        plain.step()
        changed.step()
    assert (plain.labs.wanted_rd_usd != changed.labs.wanted_rd_usd).any()
    plain.close()
    changed.close()


# Rules of users -------------------------------------------------------------------------------------


def shown_rule() -> str:
    """Return the rule that CONTRIBUTING shows, as it stands there."""
    shown = re.search(
        r"```python\n(from agents.lab.rules .*?@register\nclass .*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.S
    )
    assert shown, "CONTRIBUTING shows no rule"
    return shown[1]


def python(code: str, folder: Path, *given: str) -> str:
    """Return what a program prints that runs in a folder, with nothing but the installed packages."""
    (folder / "program.py").write_text(code)
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "program.py", *given], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_new_rule_is_one_class_and_one_registration(tmp_path):
    """The rule that CONTRIBUTING shows, added to a copy as it stands there, steers one lab."""
    for package in ("model", "agents", "experiments"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "agents" / "lab" / "rules.py").open("a") as out:
        out.write("\n\n" + shown_rule())
    code = (
        "from experiments.runs.options import assignments\nfrom model import InferenceEconomy\n"
        "e = InferenceEconomy('baseline', humans=50, months=1, **assignments(['lab.lab_a.rule=twice'])).run()\n"
        "print(e.opening.rules[:2])"
    )
    assert python(code, tmp_path).strip() == "('twice', 'profit')"


OUTSIDE = """
import sys

from my_rules import Twice
if __name__ == "__main__":
    import polars as pl
    from experiments import run, sweep
    from experiments.report import parameters
    from model import InferenceEconomy, Scenario

    small = {"humans": 30, "months": 3}
    twice = {"lab.lab_a.rule": "twice"}
    e, b = InferenceEconomy(**small, lab__lab_a__rule="twice").run(), InferenceEconomy(**small).run()
    print(e.opening.rules[:2], e.labs.wanted_rd_usd[0] > 1.5 * b.labs.wanted_rd_usd[0])
    file = Scenario.load("mine.toml")
    print(file.firms == Scenario.load("baseline").with_overrides(twice).firms, "twice" in e.explain("lab.lab_a.rule").value)
    print([row.bounds for row in parameters.rows(file) if row.name == "lab.lab_b.rule"])
    print(e.trace(e.row("Lab", 0)).sentences[0])
    both = run(file, **small, seeds=2, workers=int(sys.argv[1]))
    print(both.tables["monthly"].filter(pl.col("seed") == 1)["lab_rd_usd"].to_list() == e.history["lab_rd_usd"].to_list())
    design = {"scenarios": ["baseline"], "seeds": {"first": 1, "count": 1}, "run": small, "design": {"kind": "list"}}
    design |= {"parameters": {"lab.lab_a.rule": ["profit", "twice"]}, "record": {"series": ["lab_rd_usd"], "months": "all"}}
    made = sweep(design, out="kept", workers=1)
    print(made["lab_rd_usd"].to_list() == [*b.history["lab_rd_usd"], *e.history["lab_rd_usd"]])
"""


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_rule_of_a_users_file_serves_everything(tmp_path, workers):
    """Outside the repository: economy, scenario file, listings, other processes, a sweep that knows what it was made with."""
    (tmp_path / "my_rules.py").write_text(shown_rule())
    scenario = 'schema = 1\nextends = "baseline"\n[[lab.firm]]\nname = "lab_a"\nrule = "twice"\n'
    (tmp_path / "mine.toml").write_text(scenario)
    assert python(OUTSIDE, tmp_path, str(workers)).splitlines() == [
        "('twice', 'profit') True",
        "True True",
        "['profit or race or erdil or revenue_share or schedule or twice']",
        "Invests by the rule 'twice', forecasts tokens by 'adaptive'.",
        "True",
        "True",
    ]


@pytest.fixture
def registries():
    """Registries that are afterwards as they were."""
    kept = [(r, dict(r)) for r in (RULES, lab.FORECASTERS, neural.LAWS, auction.RULES)]
    yield
    for registry, before in kept:
        registry.clear()
        registry.update(before)


@pytest.mark.usefixtures("registries")
def test_every_registry_is_asked_when_a_value_is_checked():
    """What is put into the registry of any parameter now is a choice of that parameter now."""
    kinds = [*(type(getattr(Scenario().parameters, s)) for s in SECTIONS), *FIRM_TYPES.values()]
    kept = [(kind, d) for kind in kinds for d in kind.declared() if isinstance(d.known, Mapping)]
    assert {f"{d.section}.{d.name}" for _, d in kept} == {"lab.rule", "lab.forecaster", "neural.law", "auction.rule"}
    for kind, d in kept:
        with pytest.raises(InputError, match=f"{d.name} = 'newest'.*: not one of"):
            kind(**{d.name: "newest"})
        d.known["newest"] = next(iter(d.known.values()))
        assert getattr(kind(**{d.name: "newest"}), d.name) == "newest"
        assert d.choices[-1] == "newest"


@pytest.mark.usefixtures("registries")
def test_a_forecaster_of_a_user_is_used():
    @forecasts.register
    class Sceptic(forecasts.Forecaster):
        name = "sceptic"
        trust_in_growth = 0.0

    plain, sceptic = run(3), run(3, **{"lab.lab_a.forecaster": "sceptic"})
    for e in (plain, sceptic):
        e.run()
    planned = [e.labs.run_planned_tokens / plain.labs.run_planned_tokens for e in (plain, sceptic)]
    assert planned[1][0] < 0.999
    assert planned[1][1:].tolist() == pytest.approx(planned[0][1:].tolist(), rel=1e-5)  # they share one market


@pytest.mark.usefixtures("registries")
def test_an_auction_rule_of_a_user_is_used():
    """One that takes half of what a second price would pays half of it, and moves advertising."""

    @auction.register
    class Half(auction.Gsp):
        name = "half"

        def payment_usd(self, seen):
            return 0.5 * super().payment_usd(seen)

    bids, one = np.array([[10.0, 4.0, 2.0]]), np.ones((1, 3))
    assert auction.run(bids, bids, one, np.array([200.0, 100.0]), "half").payment_usd.tolist() == [[400.0, 100.0]]
    plain, half = run(2).run(), run(2, **{"auction.rule": "half"}).run()
    assert half.history["human_attention_price_usd_per_hour"][0] == pytest.approx(
        plain.history["human_attention_price_usd_per_hour"][0] / 2
    )
    assert half.explain("auction.rule").value.startswith(
        "half, default gsp; gsp or vcg or first_price or logit or half"
    )


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("paid", [np.zeros(3), np.full((1, 2), -1.0), np.full((1, 2), np.nan)])
def test_an_auction_rule_that_pays_no_amounts_is_named(paid):
    auction.register(type("Odd", (auction.AuctionRule,), {"name": "odd", "payment_usd": lambda self, seen: paid}))
    bids = np.array([[10.0, 4.0, 2.0]])
    with pytest.raises(
        InputError, match="auction rule 'odd': payment_usd must be 1 x 2 finite amounts of at least 0 USD"
    ):
        auction.run(bids, bids, np.ones((1, 3)), np.array([200.0, 100.0]), "odd")


@pytest.mark.usefixtures("registries")
def test_a_loss_law_of_a_user_sizes_nets():
    @neural.register
    def data_hungry():
        return neural.LossLaw(1.69, 406.4, 4107.0, 0.34, 0.28)

    plain, hungry = run(1), run(1, **{"neural.law": "data_hungry"})
    assert (hungry.labs.run_parameters < plain.labs.run_parameters).all()
    assert hungry.settings.outside() == (data_hungry,)
    with pytest.raises(InputError, match="function data_hungry: written where other processes cannot import it"):
        pickle.dumps(hungry.settings)
    with pytest.raises(InputError, match=r"returns 1\.0: must be a LossLaw"):
        neural.register(lambda: 1.0)
    with pytest.raises(InputError, match=r"name = 'hoffmann' is that of model\.layers\.neural\.sizing\.hoffmann"):
        neural.register(type(data_hungry)(data_hungry.__code__, {"neural": neural}, "hoffmann"))  # another of that name


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"wanted_usd": lambda self, seen: 1.0}, "class Mine: name = None"),
        ({"name": "my rule", "wanted_usd": lambda self, seen: 1.0}, "class Mine: name = 'my rule'"),
        ({"name": "profit", "wanted_usd": lambda self, seen: 1.0}, r"that of agents\.lab\.rules\.Profit"),
        ({"name": "mine"}, "class Mine: lacks the method wanted_usd"),
    ],
)
def test_a_class_that_is_no_rule_is_refused_in_one_line(body, words):
    with pytest.raises(InputError, match=words) as caught:
        rules.register(type("Mine", (rules.Rule,), body))
    assert "\n" not in str(caught.value)
    assert isinstance(RULES["profit"], rules.Profit)


@pytest.mark.usefixtures("registries")
@pytest.mark.parametrize("wish", [None, "much", float("nan"), float("inf")])
def test_a_rule_that_wants_no_number_is_named(wish):
    for _ in range(2):  # a cell that is run again registers its class anew

        @rules.register
        class Dreamer(rules.Rule):
            name = "dreamer"

            def wanted_usd(self, seen):
                return wish

    with pytest.raises(InputError, match=f"rule 'dreamer': wants {wish!r} USD in 2022-02: must be a finite number"):
        run(1, **{"lab.lab_b.rule": "dreamer"}).run()


@pytest.mark.usefixtures("registries")
def test_a_rule_travels_with_what_names_it(monkeypatch):
    """A pickle brings the class; one that no other process can import is refused in one line; results know its text."""

    @rules.register
    class Local(rules.Rule):
        name = "local"

        def wanted_usd(self, seen):
            return 1e6

    plain, named = Scenario.load("baseline"), Scenario.load("baseline").with_overrides({"lab.lab_b.rule": "local"})
    assert (plain.outside(), named.outside()) == ((), (Local,))
    assert pickle.loads(pickle.dumps(plain)) == plain
    assert code_digest(*plain.outside()) == code_digest() != code_digest(*named.outside())
    monkeypatch.setattr(Local, "__module__", "__main__")
    monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
    first = code_digest(Local)
    with pytest.raises(InputError, match=r"Local: written where other processes cannot import it; .* or use workers=1"):
        pickle.dumps(named)
    monkeypatch.setattr(Local, "wanted_usd", lambda self, seen: 2e6)
    assert code_digest(Local) != first
    del RULES["local"]
    with pytest.raises(InputError, match="rule = 'local': not one of"):
        InferenceEconomy(named)
