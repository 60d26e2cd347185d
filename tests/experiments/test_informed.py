"""Whether the data inform the answer: overlap, resampling, and a run of both to the end."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.calibration import overlap as informed
from experiments.runs import posterior


def test_overlap_of_the_same_distribution_is_near_one_and_of_others_is_not():
    rng = np.random.default_rng(1)
    years = [f"{y}-06" for y in range(2026, 2036)]

    def draws(shift):
        return [years[k] if k < 10 else informed.NEVER for k in np.clip(rng.poisson(4.0, 60) + shift, 0, 10)]

    assert informed.overlap(draws(0), draws(0)) > 0.8
    assert informed.overlap(draws(0), draws(5)) < 0.5


def test_medians_count_never_as_later_than_all():
    assert informed.median(["never", "never", "2026-01"]) == "never"


def test_resampling_gives_each_member_its_share():
    members = [{"x": float(k)} for k in range(3)]
    got = [m["x"] for m in posterior.resampled(members, np.array([0.5, 0.25, 0.25]), 8)]
    assert got == [0.0] * 4 + [1.0] * 2 + [2.0] * 2


def test_prior_and_posterior_are_run_and_said(tmp_path):
    members = [{"human.imitation_per_year": 1.0}, {"human.imitation_per_year": 1.2}]
    found = informed.informed(tmp_path, members, np.array([0.5, 0.5]), 2, humans=40, months=40, workers=1)
    assert set(found.prior) == {informed.HEADLINE, informed.MONEY}
    assert [len(x) for x in found.prior.values()] == [2, 2]
    assert "overlap by" in found.sentence(informed.MONEY)
    assert set(found.to_json()[informed.MONEY]) >= {"overlap", "informed", "median_prior", "median_posterior"}
    if found.overlap(informed.HEADLINE) > informed.UNINFORMED:
        assert "did not inform" in found.sentence(informed.HEADLINE)


@pytest.mark.parametrize("share", [0.81, 0.79])
def test_above_the_limit_the_data_did_not_inform(monkeypatch, share):
    monkeypatch.setattr(informed, "overlap", lambda a, b: share)
    found = informed.Informed({"usd": ["2030-01"]}, {"usd": ["2030-01"]})
    assert ("did not inform" in found.sentence("usd")) is (share > 0.8)
