"""The month as data: steps replaced and added from outside, and what a step may change."""

from __future__ import annotations

import numpy as np
import pytest

from model import InferenceEconomy, checkpoint
from model.core.errors import InputError
from model.core.steps import Step, Steps
from model.month import STEPS
from model.stages import market


def economy(steps=STEPS, months=3):
    return InferenceEconomy("baseline", humans=50, months=months, seed=2, steps=steps)


def test_a_function_takes_the_place_of_a_step():
    """Another function does a step: the economy runs on it, and is the same where the function is."""
    seen = []

    def watched(e, f):
        market.clear(e, f)
        seen.append(float(f.capacity_hours.sum()))

    mine, shipped = economy(STEPS.replaced("clear", watched)).run(), economy().run()
    assert len(seen) == 3
    assert mine.history.equals(shipped.history)


def test_a_step_of_ones_own_moves_what_it_declares():
    def gift(e, f):
        """Give each lab a dollar of the rest of the world."""
        e.labs.cash_usd += 1.0
        e.ledger.pay("rest_of_world", "labs", "a gift", float(e.labs.n))

    e = economy(STEPS.after("pay", Step("give", gift, ("labs", "ledger")))).run()
    gifts = e.tables()["flows"].filter(item="a gift")
    assert gifts.height == 3
    assert gifts["usd"].to_list() == [float(e.labs.n)] * 3


@pytest.mark.parametrize(
    ("does", "says"),
    [
        (lambda e: e.labs.cash_usd.__iadd__(1.0), "read-only"),
        (lambda e: setattr(e.state.labs, "margin", 0.1), r"does not declare that it changes 'state\.labs' \(margin\)"),
        (lambda e: setattr(e.state, "labs", e.state.labs), r"does not declare that it changes 'state' \(labs\)"),
        (lambda e: e.state.market.fill.__imul__(0.5), "read-only"),
        (lambda e: e.ledger.pay("labs", "providers", "x", 1.0), "does not declare that it changes 'ledger'"),
        (lambda e: e.ledger.issue("labs", "parents", 1.0), "does not declare that it changes 'ledger'"),
    ],
)
def test_a_change_that_is_not_declared_is_refused(does, says):
    e = economy(STEPS.before("clear", Step("meddle", does)))
    with pytest.raises((PermissionError, ValueError), match=says):
        e.step()


def test_between_months_everything_can_be_set_but_what_all_rows_share():
    e = economy()
    e.step()
    e.labs.cash_usd += 0.0
    e.state.labs.margin, e.state.market.fill[0] = e.state.labs.margin, e.state.market.fill[0]
    assert not e.humans.weight_people.flags.writeable
    e.step()


@pytest.mark.parametrize("name", [s.name for s in STEPS])
def test_no_step_declares_what_it_never_changes(name, busy):
    step = STEPS[STEPS.place(name)]
    assert set(step.changes) <= busy[name]


@pytest.fixture(scope="module")
def busy():
    """What each step is seen to change in ten years."""
    found: dict[str, set[str]] = {s.name: set() for s in STEPS}

    def watched(step):
        def does(**given):
            e = given["e"]
            open_ = [name for name in step.changes if name not in found[step.name]]
            before = bits(e, open_)
            result = step.does(**{name: given[name] for name in step.reads})
            found[step.name] |= {name for name, now in bits(e, open_).items() if now != before[name]}
            return result

        made = Step(step.name, does, step.changes, step.gives)
        made.__dict__["reads"] = tuple(dict.fromkeys(["e", *step.reads]))
        return made

    InferenceEconomy("baseline", humans=30, months=120, seed=3, steps=Steps(map(watched, STEPS))).run()
    return found


def bits(e, names):
    """Return what stands in tables and states of the world, as text."""

    def text(x):
        return str(x.tobytes()) if isinstance(x, np.ndarray) else repr(x)

    return {name: "".join(map(text, vars(e.held()[name]).values())) for name in names}


def test_a_step_that_asks_for_what_is_not_there_names_the_nearest():
    e = economy(STEPS.after("know", Step("ask", lambda know: None)))
    with pytest.raises(InputError, match=r"step 'ask' asks for.*'know'.*'known'"):
        e.step()


def test_steps_have_names_of_their_own():
    with pytest.raises(InputError, match="'clear': stands twice"):
        STEPS.after("pay", STEPS[STEPS.place("clear")])
    with pytest.raises(InputError, match=r"step.*'cleer'.*'clear'"):
        STEPS.without("cleer")


def test_a_checkpoint_of_other_steps_asks_for_them(tmp_path):
    mine = STEPS.after("pay", Step("watch", watch))
    e = economy(mine)
    e.step()
    checkpoint.save(e, tmp_path / "c")
    with pytest.raises(
        InputError, match=r"of a month with other steps \(watch: .*\); give load\(\.\.\., steps=\) them"
    ):
        checkpoint.load(tmp_path / "c")
    assert checkpoint.load(tmp_path / "c", steps=mine).run().history.equals(e.run().history)


def watch(e):
    """See what is paid."""


def test_the_time_of_each_step_is_kept():
    e = economy()
    e.seconds_by_step = {}
    e.run()
    assert set(e.seconds_by_step) == {s.name for s in STEPS}
    assert all(seconds > 0.0 for seconds in e.seconds_by_step.values())
    assert all(step.meaning for step in STEPS)
