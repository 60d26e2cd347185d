"""Whether the data inform the answer: when inference crosses one half, over the prior and over the posterior.

Both are run to the end with the same seeds. Their overlap is what the two distributions over years (and `never`) share.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, qmc

import experiments
from experiments.calibration import priors
from experiments.calibration.evaluation import Evaluator, Tell
from experiments.calibration.fit import SCENARIO
from experiments.runs import posterior as samples
from experiments.runs.interrupts import first_only
from experiments.runs.pool import DONE, simulate
from model.scenario import Scenario

STORED = Path(experiments.__file__).parent / "stored" / "crossover.json"
HEADLINE, MONEY = "accelerator_hours", "usd"
DRAWS, HUMANS, MONTHS = 40, 300, 168
UNINFORMED, LITTLE = 0.8, 0.6
NEVER = "never"
SPLITS = 200


@dataclass(frozen=True)
class Informed:
    """The crossover by definition over prior and posterior.

    Parameters
    ----------
    prior, posterior : {definition: list of str}
        Month 'YYYY-MM' or 'never', a draw each.
    """

    prior: Mapping[str, Sequence[str]]
    posterior: Mapping[str, Sequence[str]]

    def overlap(self, definition: str) -> float:
        """Return what the two distributions over years share, in [0, 1]."""
        return overlap(self.prior[definition], self.posterior[definition])

    def sentence(self, definition: str) -> str:
        """Return what the data say of the crossover, in words."""
        share = self.overlap(definition)
        moved = "the data moved the answer" + (" a little" if share > LITTLE else "")
        verdict = "the data did not inform the answer" if share > UNINFORMED else moved
        never = [100.0 * np.mean([m == NEVER for m in x[definition]]) for x in (self.prior, self.posterior)]
        return (
            f"Crossover in {definition.replace('_', ' ')}: prior and posterior overlap by {100 * share:.0f} %: {verdict}. "
            f"Median {median(self.prior[definition])} before the data, {median(self.posterior[definition])} after; "
            f"never by the end in {never[0]:.0f} % and {never[1]:.0f} % of draws."
        )

    def sentences(self) -> list[str]:
        """Return what the data say of the crossover under each definition."""
        return [self.sentence(definition) for definition in self.prior]

    def to_json(self) -> dict[str, Any]:
        """Return overlap, medians and draws as plain values."""
        return {
            d: {
                "overlap": self.overlap(d),
                "informed": self.overlap(d) <= UNINFORMED,
                "median_prior": median(self.prior[d]),
                "median_posterior": median(self.posterior[d]),
                "prior": list(self.prior[d]),
                "posterior": list(self.posterior[d]),
            }
            for d in self.prior
        }


def stored(path: str | Path = STORED) -> Informed:
    """Return what a file says, as `economy calibrate --crossover` writes it; the shipped one if left out."""
    told = json.loads(Path(path).read_text(encoding="utf-8"))
    prior, posterior = ({d: row[which] for d, row in told.items()} for which in ("prior", "posterior"))
    return Informed(prior, posterior)


def overlap(a: Sequence[str], b: Sequence[str]) -> float:
    """Return the overlap of two distributions over years and `never`, estimated from draws of them.

    Two samples of one distribution share less than all by chance; so what they share is divided by what random halves of
    both together share, and held at most at 1.

    >>> overlap(["2030-01", "never"] * 50, ["2030-12", "never"] * 50)
    1.0
    >>> overlap(["2030-01"] * 50, ["2031-12"] * 50)
    0.0
    """
    rng = np.random.default_rng(1)
    pooled = [*a, *b]
    chance = []
    for _ in range(SPLITS):
        order = rng.permutation(len(pooled))
        first, second = ([pooled[k] for k in part] for part in (order[: len(a)], order[len(a) :]))
        chance.append(_shared(first, second))
    return min(1.0, _shared(a, b) / float(np.mean(chance)))


def _shared(a: Sequence[str], b: Sequence[str]) -> float:
    first, second = (Counter(x[:4] if x != NEVER else NEVER for x in sample) for sample in (a, b))
    return float(np.sum([min(first[k] / len(a), second[k] / len(b)) for k in first]))


def median(months: Sequence[str]) -> str:
    """Return the median month, `never` counting as later than all.

    >>> median(["2030-01", "never", "2031-05"])
    '2031-05'
    """
    return sorted(months)[(len(months) - 1) // 2]  # 'never' sorts after digits


@first_only()
def informed(
    folder: Path,
    members: Sequence[dict[str, float]],
    weights: NDArray[np.float64],
    draws: int = DRAWS,
    *,
    humans: int = HUMANS,
    months: int = MONTHS,
    workers: int | None = None,
    tell: Tell | None = None,
    cluster: str | None = None,
) -> Informed:
    """Run prior and posterior to the end and return when each draw crosses.

    Parameters
    ----------
    folder : path
        Where runs are kept.
    members, weights : sequence of dict, (n,) float
        Posterior sample, as `posterior.read_sample` returns it; the prior is that of the same parameters.
    draws : int
        Of each; draw i has seed i + 1 in both.
    humans, months, workers, tell, cluster
        As elsewhere.
    """
    chosen = tuple(p for p in priors.priors() if p.parameter in members[0])
    z = norm.ppf(qmc.LatinHypercube(len(chosen), rng=np.random.default_rng(1)).random(draws))
    seeds = [[i + 1] for i in range(draws)]
    found = []
    with Evaluator(folder, Scenario.load(SCENARIO).with_run(humans=humans), workers, tell, cluster) as runs:
        for said, sample in (
            ("prior to the end", priors.overrides(chosen, z)),
            ("posterior to the end", samples.resampled(members, weights, draws)),
        ):
            tasks = runs.tasks(sample, seeds, months, "crossover")
            held = runs.outcomes(said, tasks, simulate)
            crossings = [json.loads(held[t.id].crossover) for t in tasks if held[t.id].status == DONE]
            found.append({d: [c.get(d) or NEVER for c in crossings] for d in (HEADLINE, MONEY)})
    return Informed(*found)
