"""The people of the economy as plain Mesa objects: one `mesa.Agent` a human, scalar Python, the same arithmetic.

`economy bench` times it beside the arrays, and a test holds its decisions against theirs. It covers what `stages.people.people`
and `stages.turnover.live` do in a month: adopt, think, choose, pay, allot hours, want agents and robots, agents' births and
exits, robots' deliveries and orders.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agents import robot
from experiments.benchmarks.inputs import constants, single
from model.core.framework import mesa
from model.core.table import release
from model.stages.people import Wishes, who

if TYPE_CHECKING:
    from model.core.flows import MonthFlows
    from model.stages.people import Known
    from model.world import World

Array = NDArray[np.float64]

#: Stocks of `Humans` that an object holds under the same name.
STOCKS = (
    "adopted_share", "delegating_share", "shadow_usd_per_h", "assistant_usefulness", "agent_usefulness", "log_thinking",
)  # fmt: skip
#: What `step` decides for next month: flows of `stages.people`.
DECIDED = (
    "adopted_share", "delegating_share", "assistant_usefulness", "agent_usefulness", "shadow_usd_per_h", "log_thinking",
    "delegates_wanted", "jobs_wanted", "delegate_fee_usd", "standing_fee_usd", "robots_wanted",
)  # fmt: skip


class TwinHuman(mesa.Agent):
    """One human row with its delegates, standing agents and robots."""

    model: Twin
    contacts: list[TwinHuman]
    adopted_share: float
    delegating_share: float
    shadow_usd_per_h: float
    assistant_usefulness: float
    agent_usefulness: float
    log_thinking: float
    delegates: float
    delegate_wallet: float
    delegate_lean: int
    standing: float
    standing_wallet: float
    standing_lean: int
    robots: float
    on_order: float

    def __init__(self, model: Twin, values: dict[str, Any]) -> None:
        super().__init__(model)
        self.__dict__.update(values)
        self.contacts = []

    def step(self) -> None:
        """Decide the month, Eq. H.2 to H.7, A.1 to A.5, M.20 to M.22, R.3; nothing others look at changes."""
        k = self.model.known
        weight, minutes, value, log_minutes = (
            self.weight_people,
            self.task_minutes,
            self.task_value_usd,
            self.log_task_minutes,
        )
        wage, shadow = self.wage_usd_per_h, self.shadow_usd_per_h
        delegates = self.delegates / weight if weight > 0.0 else 0.0
        standing = self.standing / weight if weight > 0.0 else 0.0
        robots = self.robots / weight if weight > 0.0 else 0.0

        # Adopt
        peers_adopted = peers_delegating = 0.0
        if self.contacts:
            for other in self.contacts:
                peers_adopted += other.adopted_share
                peers_delegating += other.delegating_share
            peers_adopted /= len(self.contacts)
            peers_delegating /= len(self.contacts)
        pull = min(single(self.assistant_usefulness * k.chat_open * k.useful), 1.0)
        hazard = (k.innovation + k.imitation * peers_adopted) * pull
        adopted = self.adopted_share + max(k.saturation - self.adopted_share, 0.0) * -math.expm1(-hazard / 12.0)
        pull = min(single(self.agent_usefulness * k.agents_open * k.useful), 1.0)
        hazard = (k.delegation_innovation + k.delegation_imitation * peers_delegating) * pull
        delegating = self.delegating_share + max(adopted - self.delegating_share, 0.0) * -math.expm1(-hazard / 12.0)

        # Think, examine candidates, try
        if k.can_think:
            z, sure = self.think(math.log(k.loop_generated_usd * self.loop_length_factor))
        else:
            z, sure = 0.0, 1.0 / (1.0 + math.exp(k.slope * (log_minutes - k.horizon[0])))
        fair = 1.0 / (1.0 + math.exp(k.slope * (log_minutes - k.horizon[1])))
        tau = math.exp(z)
        candidates = k.spread / (k.dilution + k.reading_usd / value)
        candidates = min(max(candidates, 1.0), k.candidates_max)
        chosen, diluted = k.spread * math.log(candidates), 1.0 - k.dilution * (candidates - 1.0)
        loyal = max(1.0 + chosen, 0.0) * diluted
        paid = max(1.0 + k.quality_kept * chosen, 0.0) * diluted
        gain = loyal + k.ad_funded * (paid - loyal)
        sure, fair = min(sure * gain, 1.0), min(fair * gain, 1.0)
        sure_tries, fair_tries = self.attempts(sure), self.attempts(fair)
        sure, fair = min(sure * sure_tries, 1.0), min(fair * fair_tries, 1.0)
        good = 1.0 / (1.0 + math.exp(k.slope * (log_minutes - k.log_thinking_gain[self.segment] - k.chat_horizon[0])))
        plain = 1.0 / (1.0 + math.exp(k.slope * (log_minutes - k.chat_horizon[1])))

        # Choose the assistant
        own = shadow / (60.0 * value)
        hour_value = own * minutes
        saved_share = k.saving * hour_value
        frontier_usd = (k.chat_usd[0] + k.chat_thinking_usd[self.segment]) * self.chat_length_factor
        extra = frontier_usd - k.chat_usd[1] * self.chat_length_factor
        edge = k.scale * (saved_share * (good - plain) - extra / value)
        small_chat = 1.0 / (1.0 + math.exp(min(max(edge, -500.0), 500.0)))
        success_chat = good + small_chat * (plain - good)
        chat_usd = frontier_usd - small_chat * extra
        with_assistant = saved_share * success_chat - own * k.prompt_minutes - chat_usd / value - k.assistant_habit

        # Choose the agent
        frontier_usd = (k.loop_usd[0] + (tau - 1.0) * k.loop_generated_usd) * self.loop_length_factor * sure_tries
        small_usd = k.loop_usd[1] * self.loop_length_factor * fair_tries
        edge = k.scale * (k.error_loss * (sure - fair) - (frontier_usd - small_usd) / value)
        small_agent = 1.0 / (1.0 + math.exp(min(max(edge, -500.0), 500.0)))
        success_agent = sure + small_agent * (fair - sure)
        failure = 1.0 - success_agent
        agent_usd = frontier_usd + small_agent * (small_usd - frontier_usd) + k.fee_usd
        review_share = k.review_min + k.review_span * failure
        with_agent = hour_value * (1.0 - review_share) - k.error_loss * failure - agent_usd / value - k.agent_habit

        # Shares of the three ways; more is undertaken as tasks become cheaper
        first = math.exp(min(max(k.scale * with_assistant, -50.0), 50.0)) * k.chat_delivered
        second = math.exp(min(max(k.scale * with_agent, -50.0), 50.0)) * k.agents_delivered
        one, both = 1.0 + first, 1.0 + first + second
        base = self.task_hours_per_month * 60.0 / minutes
        tasks_adopter = base * (1.0 + k.rebound * math.log(one))
        tasks_delegator = base * (1.0 + k.rebound * math.log(both))
        assistant_share, delegator_assistant, delegator_agent = first / one, first / both, second / both
        surplus_usd = max(with_agent, 0.0) * value

        # Pay: within budget and agents in service
        helped = adopted - delegating
        chats = helped * tasks_adopter * assistant_share + delegating * tasks_delegator * delegator_assistant
        wanted = delegating * tasks_delegator * delegator_agent
        fee = k.fee_share * surplus_usd
        limit = k.spending_max * k.work_hours * wage
        room = max(limit - standing * k.job_price, 0.0)
        affordable = min(room / max(chats * chat_usd + wanted * (agent_usd + fee), 1e-12), 1.0)
        chats, wanted = chats * affordable, wanted * affordable
        given = min(wanted, delegates * k.tasks_max)

        # Allot the hours
        task_h = minutes / 60.0
        tasks = (1.0 - adopted) * base + helped * tasks_adopter + delegating * tasks_delegator
        alone = max(tasks - chats - given, 0.0)
        assistant_h = chats * (k.prompt_minutes / 60.0 + task_h * (1.0 - k.saving * success_chat))
        fixed_h = k.work_hours - self.task_hours_per_month
        fits = (k.committed_max * k.month_hours - fixed_h) / max(alone * task_h + assistant_h, 1e-12)
        fits = min(max(fits, 0.0), 1.0)
        chats, assistant_h, alone = chats * fits, assistant_h * fits, alone * fits
        own_h = fixed_h + alone * task_h + assistant_h
        review = given * review_share * minutes / 60.0
        watching, supervision = standing * k.watching_h, robots * k.supervision_h
        asked = review + watching + supervision
        room_h = max(k.committed_max * k.month_hours - own_h, 0.0)
        answered = room_h / asked if asked > room_h else 1.0
        free = k.month_hours - (own_h + asked * answered)
        price = self.free_weight_usd / free
        applications = free * k.application_share
        leisure = free - applications
        given, jobs, at_work = given * answered, standing * answered, robots * answered

        # Want agents and robots
        jobs_wanted = 0.0
        if k.agents_open:
            jobs_wanted = max(k.job_scale * (self.job_value * k.job_ratio - 1.0), 0.0)
            jobs_wanted = delegating * min(jobs_wanted, k.jobs_max * limit / k.job_price)
        robot_value = max(wage * k.robot_hours, 1e-9)
        fleet = k.owner_max / (1.0 + ((k.robot_usd + shadow * k.supervision_h) / robot_value) ** k.robot_power)

        self.decided = (
            adopted,
            delegating,
            assistant_share,
            delegator_agent,
            shadow + k.damping * (price - shadow),
            z,
            weight * wanted / k.tasks_per_agent,
            weight * jobs_wanted,
            weight * given * fee,
            weight * jobs * k.job_fee_usd,
            weight * fleet,
        )
        chat_units, loop_units = chats * self.chat_length_factor, given * self.loop_length_factor
        big = loop_units * (1.0 - small_agent) * sure_tries
        little = loop_units * small_agent * fair_tries
        chat_slope = (1.0 - assistant_share) * k.slope * k.scale * saved_share * success_chat * (1.0 - success_chat)
        agent_slope = (1.0 - delegator_agent) * k.slope * k.scale * (k.error_loss + k.review_span * hour_value)
        agent_slope *= success_agent * failure
        attention_usd = price * (applications + leisure)
        self.model.add(
            weight,
            (
                1.0,
                adopted,
                delegating,
                tasks,
                chats,
                given,
                chat_units * (1.0 - small_chat),
                chat_units * small_chat,
                big * k.loop_tokens,
                little * k.loop_tokens,
                big * (tau - 1.0) * k.loop_tokens * k.generated_share,
                given * (candidates - 1.0),
                given * (1.0 + (sure_tries - 1.0) * (1.0 - small_agent) + (fair_tries - 1.0) * small_agent),
                given * success_agent,
                given * value,
                given * value * success_agent,
                given * value * success_agent * (loyal - paid) / gain,
                chats * chat_usd * chat_slope,
                given * agent_usd * agent_slope,
                chats * chat_usd,
                given * agent_usd,
                jobs,
                at_work,
                own_h - assistant_h,
                assistant_h,
                (review + watching) * answered,
                supervision * answered,
                asked * (1.0 - answered),
                applications,
                leisure,
                attention_usd,
                wage * k.work_hours,
                given * surplus_usd,
                supervision * answered * wage,
                at_work * wage * k.robot_hours,
                abs(k.month_hours - (own_h + asked * answered + applications + leisure)),
            ),
        )

    def think(self, log_cost: float) -> tuple[float, float]:
        """Return ln of the thinking multiplier and success, Eq. A.2: two Newton steps from last month's choice."""
        k = self.model.known
        base = k.slope * (self.log_task_minutes - k.horizon[0])
        gain = self.log_task_value - log_cost + k.log_curve
        z = self.log_thinking
        for _ in range(2):
            log_odds = base - k.curve * z
            odds = math.exp(log_odds) + 1.0
            slack = gain + log_odds - 2.0 * math.log(odds) - z
            z -= slack / (k.curve - 1.0 - 2.0 * k.curve / odds)
            z = min(max(z, 0.0), k.log_thinking_max)
        return z, 1.0 / (1.0 + math.exp(base - k.curve * z))

    def attempts(self, success: float) -> float:
        """Return expected attempts, Eq. A.3."""
        k = self.model.known
        again = k.verifiable * (1.0 - success)
        total = power = 1.0
        for _ in range(k.attempts_max - 1):
            power *= again
            total += power
        return total

    def live(self) -> None:
        """Store what was decided; agents are born and leave (Eq. I.1, I.2), robots come and go (Eq. R.6)."""
        m, d = self.model, self.decided
        self.adopted_share, self.delegating_share, self.shadow_usd_per_h = d[0], d[1], d[4]
        self.assistant_usefulness, self.agent_usefulness, self.log_thinking = single(d[2]), single(d[3]), single(d[5])
        self.delegates, self.delegate_wallet, self.delegate_lean = self.turnover(
            self.delegates, d[6], self.delegate_lean, self.delegate_wallet
        )
        self.standing, self.standing_wallet, self.standing_lean = self.turnover(
            self.standing, d[7], self.standing_lean, self.standing_wallet
        )
        retired = self.robots * m.known.robots_retired
        delivered = self.on_order * m.delivered_share
        self.robots += delivered - retired
        self.on_order = max(self.on_order - delivered, 0.0)
        self.gap = max(d[10] - self.robots - self.on_order, 0.0)
        m.gap += self.gap
        m.waiting += self.on_order

    def turnover(self, weight: float, wanted: float, lean: int, wallet: float) -> tuple[float, float, int]:
        """Return agents, their money and months without surplus after a month's births and exits."""
        k = self.model.known
        lean = lean + 1 if wanted <= 0.0 and weight > 0.0 else 0
        retired = weight * k.turnover
        gap = wanted - (weight - retired)
        born = max(gap, 0.0) * k.spawn
        exited = min(retired + max(-gap, 0.0) * k.spawn, weight)
        if lean >= k.lean_months:
            exited, born = weight, 0.0
        leaving = exited / weight if weight > 0.0 else 1.0
        returned = wallet * (leaving + (1.0 - leaving) * k.payout)
        return max(weight + born - exited, 0.0), wallet - returned, lean

    def order(self) -> None:
        """Order robots, Eq. R.8."""
        self.on_order += self.gap * self.model.ordered_share


class Twin(mesa.Model):
    """The people of `e` at the beginning of its consumer stages, as objects.

    Parameters
    ----------
    e : World
        Read, never changed.
    known : Known
        What everybody knows this month.
    """

    def __init__(self, e: World, known: Known) -> None:
        super().__init__(rng=e.seed)
        self.known = constants(e, known)
        self.totals = [0.0] * len(Wishes._fields)
        self.gap = self.waiting = self.delivered_share = self.ordered_share = 0.0
        n, a = e.humans.n, e.ai_agents
        values = who(e, e.humans)._asdict() | {name: getattr(e.humans, name) for name in ("weight_people", *STOCKS)}
        values |= {"delegates": a.weight_agents[:n], "standing": a.weight_agents[n:]}
        values |= {"delegate_wallet": a.wallet_usd[:n], "standing_wallet": a.wallet_usd[n:]}
        values |= {"delegate_lean": a.lean_months[:n], "standing_lean": a.lean_months[n:]}
        values |= {"robots": e.robots.weight_robots, "on_order": e.robots.on_order}
        rows = zip(*(column.tolist() for column in values.values()), strict=True)
        self.people = [TwinHuman(self, dict(zip(values, row, strict=True))) for row in rows]
        matrix = e.social.matrix()
        links, targets = matrix.indptr.tolist(), matrix.indices.tolist()
        for i, person in enumerate(self.people):
            person.contacts = [self.people[j] for j in targets[links[i] : links[i + 1]]]

    def add(self, weight: float, values: tuple[float, ...]) -> None:
        """Add a human's month to the sums over people."""
        totals = self.totals
        for i, value in enumerate(values):
            totals[i] += weight * value

    def step(self) -> None:
        """Decide: the first half of the consumers' month."""
        self.agents.do("step")

    def live(self) -> None:
        """Let it happen: the second half, with robots' orders in between on what all people want."""
        k = self.known
        backlog = 0.0
        for person in self.people:
            backlog += person.on_order
        self.delivered_share = min(1.0, k.robot_capacity / max(backlog, 1e-300))
        self.agents.do("live")
        wished = k.purchase * self.gap
        room = max(k.queue_months * robot.next_capacity(k.robot_capacity, backlog, k.robot) - self.waiting, 0.0)
        self.ordered_share = k.purchase * min(1.0, room / max(wished, 1e-300))
        self.agents.do("order")

    def decided(self) -> dict[str, Array]:
        """Return what the humans decided by flow of `stages.people`, (n,) each."""
        found = np.array([person.decided for person in self.people])
        return dict(zip(DECIDED, found.T, strict=True))

    def column(self, name: str) -> Array:
        """Return an attribute of all humans, (n,)."""
        return np.array([getattr(person, name) for person in self.people], dtype=np.float64)

    def receive(self, e: World) -> None:
        """Take the money that agents hold in `e`: it changes between `step` and `live`, and no human decides on it."""
        n = len(self.people)
        wallets = e.ai_agents.wallet_usd.tolist()
        for i, person in enumerate(self.people):
            person.delegate_wallet, person.standing_wallet = wallets[i], wallets[n + i]

    def close(self) -> None:
        """Let Mesa forget the objects."""
        for person in self.people:
            person.contacts = []
        self.people = []
        release(self)


def differences(twin: Twin, f: MonthFlows, wishes: Wishes) -> dict[str, float]:
    """Return the largest difference of each decision, over the largest decision of its kind, and of each sum over people."""
    out = {}
    for name, mine in twin.decided().items():
        theirs = getattr(f, name)
        out[name] = float(np.abs(mine - theirs).max() / max(float(np.abs(theirs).max()), 1e-300))
    for name, total, theirs in zip(Wishes._fields, twin.totals, wishes, strict=True):
        if name != "attention_residual_h":  # rounding alone
            out[f"sum of {name}"] = abs(total - theirs) / max(abs(theirs), 1e-300)
    return out


def stock_differences(twin: Twin, e: World) -> dict[str, float]:
    """Return the largest difference of each stock after the month, over the largest of its kind."""
    n, a = e.humans.n, e.ai_agents
    stocks = {name: getattr(e.humans, name) for name in STOCKS}
    stocks |= {"delegates": a.weight_agents[:n], "standing": a.weight_agents[n:]}
    stocks |= {"delegate_wallet": a.wallet_usd[:n], "standing_wallet": a.wallet_usd[n:]}
    stocks |= {"delegate_lean": a.lean_months[:n], "standing_lean": a.lean_months[n:]}
    stocks |= {"robots": e.robots.weight_robots, "on_order": e.robots.on_order}
    return {
        name: float(np.abs(twin.column(name) - theirs).max() / max(float(np.abs(theirs).max()), 1e-300))
        for name, theirs in stocks.items()
    }
