"""Flows written once, tables whose rows are Mesa agents, and seeded networks."""

from __future__ import annotations

import gc
import pickle
import weakref

import mesa
import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from model.core import graph
from model.core.errors import InputError
from model.core.flows import Flow, Flows
from model.core.table import Column, Row, Table, release
from tests.reference import core as oracle

# Flows ----------------------------------------------------------------------------------------------------------------


class ToyFlows(Flows):
    price = Flow("", "USD/h", "price")
    hours = Flow("P", "h", "hours")
    routed = Flow("BP", "h", "hours by buyer and provider")


class MoreFlows(ToyFlows):
    flop = Flow("B", "FLOP", "work")


def toy():
    return ToyFlows({"P": 2, "B": 3})


def test_a_flow_is_written_once_and_then_only_read():
    f = toy()
    f.hours = [1.0, 2.0]
    f.price = np.float64(4)
    f.routed = np.ones((3, 2))
    assert (type(f.price), f.price, f.hours.tolist()) == (float, 4.0, [1.0, 2.0])
    with pytest.raises(AttributeError, match="'hours' is already written"):
        f.hours = [3.0, 4.0]
    with pytest.raises(ValueError, match="read-only"):
        f.hours[0] = 9.0
    with pytest.raises(ValueError, match="read-only"):
        f.routed += 1.0
    assert f.hours.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("hours", [1.0]), ("hours", 1.0), ("hours", np.ones((2, 1))), ("price", [1.0]), ("routed", np.ones((2, 3)))],
)
def test_a_flow_of_another_shape_is_refused(name, value):
    f = toy()
    with pytest.raises(ValueError, match=f"flow '{name}'.*shape"):
        setattr(f, name, value)
    with pytest.raises(AttributeError):
        getattr(f, name)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_flow_must_be_finite(bad):
    with pytest.raises(ValueError, match=r"flow 'hours' \[h\]: not finite"):
        toy().hours = [1.0, bad]
    with pytest.raises(ValueError, match="flow 'price'"):
        toy().price = bad


def test_only_declared_flows_exist_and_subclasses_add_theirs():
    with pytest.raises(AttributeError, match="'hurs' is not declared"):
        toy().hurs = 1.0
    with pytest.raises(AttributeError):
        _ = toy().hours
    assert list(MoreFlows.declared) == ["price", "hours", "routed", "flop"]
    assert "flop" not in ToyFlows.declared
    f = MoreFlows({"P": 0, "B": 1})
    f.hours, f.flop = [], [2]
    assert (f.hours.shape, f.flop.dtype) == ((0,), np.float64)


# Tables ---------------------------------------------------------------------------------------------------------------


class Toys(Table):
    weight_agents = Column("f8", "agents", "agents", 1.5)
    age_months = Column("i4", "month", "age", -1)


class AIToy(Row, table=Toys):
    """A toy."""


@pytest.fixture
def model():
    built = mesa.Model(seed=1)
    yield built
    release(built)


def test_columns_are_filled_as_declared():
    t = Toys(3, first_id=10)
    assert (len(t), t.id.tolist()) == (3, [10, 11, 12])
    assert t.weight_agents.tolist() == [1.5, 1.5, 1.5]
    assert (t.age_months.tolist(), t.age_months.dtype) == ([-1, -1, -1], np.int32)
    assert list(Toys.columns()) == ["weight_agents", "age_months"]
    assert (Toys.columns()["age_months"].unit, Toys.columns()["age_months"].meaning) == ("month", "age")
    assert len(Toys(0)) == 0
    with pytest.raises(AttributeError, match="Toys has no column 'weight_agent'; nearest: 'weight_agents'"):
        _ = t.weight_agent


def test_a_value_held_for_all_rows_takes_no_memory_and_cannot_be_written_to(model):
    t = Toys(1000)
    assert t.nbytes == 1000 * (8 + 4)
    t.hold("weight_agents", 2.5)
    assert t.nbytes == 8 + 1000 * 4
    assert t.slice(10, 12).weight_agents.tolist() == [2.5, 2.5]
    assert t.frame()["weight_agents"].sum() == 2500.0
    t.restore(t.snapshot())
    row = AIToy(model, t, 3)
    assert row.weight_agents == 2.5
    with pytest.raises(InputError, match="weight_agents is one value for all rows"):
        row.weight_agents = 1.0
    assert row.weight_agents == 2.5


def test_a_slice_writes_to_its_table_and_a_snapshot_does_not():
    t = Toys(4)
    part, kept = t.slice(1, 3), t.snapshot()
    part.weight_agents[:] = 7.0
    assert (len(part), part.id.tolist()) == (2, [1, 2])
    assert t.weight_agents.tolist() == [1.5, 7.0, 7.0, 1.5]
    assert kept["weight_agents"].tolist() == [1.5] * 4
    t.restore(kept)
    assert part.weight_agents.tolist() == [1.5, 1.5]
    assert t.frame().to_dict(as_series=False) == {
        "id": [0, 1, 2, 3],
        "weight_agents": [1.5] * 4,
        "age_months": [-1] * 4,
    }
    again = pickle.loads(pickle.dumps(t))
    assert again.id.tolist() == t.id.tolist()


def test_a_row_is_a_mesa_agent_that_reads_and_writes_the_arrays(model):
    t = Toys(3, first_id=10)
    rows = [AIToy(model, t, i) for i in range(3)]
    assert list(model.agents) == rows
    assert model.agents_by_type[AIToy].get("id") == [10, 11, 12]
    rows[1].weight_agents = 4.0
    t.age_months[2] = 8
    assert t.weight_agents.tolist() == [1.5, 4.0, 1.5]
    assert (rows[2].age_months, type(rows[2].age_months)) == (8, int)
    model.agents.set("age_months", 5)
    assert t.age_months.tolist() == [5, 5, 5]
    assert model.agents.select(lambda a: a.weight_agents > 2.0)[0] is rows[1]
    assert (rows[1].kind, repr(rows[1])) == ("ai_toy", "<AIToy 11>")
    with pytest.raises(AttributeError, match="AIToy has no attribute 'age_month'; nearest: 'age_months'"):
        _ = rows[0].age_month
    with pytest.raises(AttributeError, match=r"AIToy has no attribute 'zzz'$"):
        _ = rows[0].zzz


def test_a_row_takes_only_names_that_are_read(model):
    class Moody(AIToy):
        mood = "calm"

    row = Moody(model, Toys(1), 0)
    row.mood, row._note, row.pos, row.age_months = "wild", 1, (0, 0), 7
    assert (row.mood, row._note, row.pos, row._table.age_months[0]) == ("wild", 1, (0, 0), 7)
    with pytest.raises(AttributeError, match="Moody has no attribute 'age_month'; nearest: 'age_months'"):
        row.age_month = 3
    with pytest.raises(AttributeError, match=r"Moody has no attribute 'zzz'$"):
        row.zzz = 3
    assert "age_month" not in vars(row)


def test_a_row_is_not_removed_alone(model):
    row = AIToy(model, Toys(3, first_id=10), 0)
    with pytest.raises(InputError, match="<AIToy 10>: agents are views of table rows"):
        row.remove()
    assert len(model.agents) == 1
    release(model)
    assert len(model.agents) == 0


def test_rows_are_equal_if_they_are_the_same_row(model):
    t, other = Toys(2), Toys(2)
    a, same, next_, elsewhere = AIToy(model, t, 0), AIToy(model, t, 0), AIToy(model, t, 1), AIToy(model, other, 0)
    assert a == same
    assert hash(a) == hash(same)
    assert a not in (next_, elsewhere, 0)


@pytest.mark.parametrize(("name", "kind"), [("Human", "human"), ("ComputeProvider", "compute_provider"), ("AI", "ai")])
def test_the_kind_is_the_name_in_snake_case(model, name, kind):
    assert type(name, (AIToy,), {})(model, Toys(1), 0).kind == kind


def test_a_released_model_is_freed():
    built = mesa.Model(seed=1)
    AIToy(built, Toys(1), 0)
    ghost = weakref.ref(built)
    release(built)
    del built
    gc.collect()
    assert ghost() is None


# Networks -------------------------------------------------------------------------------------------------------------

sizes, contacts = st.integers(0, 20), st.integers(0, 12)


def pairs(matrix):
    coo = matrix.tocoo()
    return set(zip(coo.coords[0].tolist(), coo.coords[1].tolist(), strict=True))


@given(sizes, contacts, st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.integers(0, 2**32))
def test_a_small_world_is_its_twin(n, k, rewire, seed):
    got = graph.small_world(n, k, rewire, np.random.default_rng(seed))
    g = np.random.default_rng(seed)
    half = min(k // 2, max((n - 1) // 2, 0))
    u = g.random(n * half) if half and n > 1 else np.zeros(0)
    targets = g.integers(0, n, int((u < rewire).sum())) if u.size else np.zeros(0, int)
    assert pairs(got) == oracle.small_world(n, k, rewire, u.tolist(), targets.tolist())
    assert got.shape == (n, n)
    assert (got.data == 1.0).all()
    assert (got - got.T).nnz == 0
    assert got.diagonal().sum() == 0.0


@pytest.mark.parametrize("rewire", [0.0, 0.1, 1.0])
def test_the_mean_degree_is_the_number_of_contacts(rewire):
    """Exactly without rewiring; with it, links that fall on themselves or on others are lost: about k/n of those moved."""
    n, k = 2000, 10
    degrees = np.diff(graph.small_world(n, k, rewire, np.random.default_rng(3)).indptr)
    assert k * (1.0 - 2.0 * rewire * k / n) - 1e-12 <= degrees.mean() <= k
    assert (degrees.max() > k) == (rewire > 0.0)


def test_rewiring_makes_the_world_small():
    ring, small = (
        nx.Graph(graph.to_networkx(graph.small_world(300, 6, r, np.random.default_rng(1)))) for r in (0.0, 0.1)
    )
    assert nx.average_clustering(ring) == pytest.approx(0.6)  # 3 (k - 2) / (4 (k - 1))
    assert nx.average_shortest_path_length(small) < 0.3 * nx.average_shortest_path_length(ring)
    assert nx.average_clustering(small) > 0.6 * (1 - 0.1) ** 3 * 0.9


worlds = (sizes, contacts, st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.integers(0, 5), st.integers(0, 2**32))


@given(*worlds)
def test_contacts_are_the_links_of_the_small_world(n, k, rewire, more, seed):
    links = graph.small_world(n, k, rewire, np.random.default_rng(seed))
    got = graph.Contacts(links, k, n + more)
    assert got.matrix().shape == (n + more, n + more)
    assert pairs(got.matrix()) == pairs(links)
    assert got.degree.tolist() == np.diff(links.indptr).tolist() + [0] * more


@given(*worlds)
def test_the_mean_of_contacts_is_its_twin(n, k, rewire, more, seed):
    links = graph.small_world(n, k, rewire, np.random.default_rng(seed))
    x = np.random.default_rng(seed).normal(0, 1e3, n + more)
    expected = oracle.neighbour_mean(pairs(links), n + more, x.tolist())
    np.testing.assert_allclose(graph.Contacts(links, k, n + more).means(x)[0], expected, rtol=1e-12, atol=1e-9)


def test_contacts_over_blocks_are_the_product_with_all_links():
    n, more = 2 * graph.BLOCK + 100, 50
    links = graph.small_world(n, 12, 0.1, np.random.default_rng(1))
    held, x = graph.Contacts(links, 12, n + more), np.random.default_rng(2).random(n + more)
    np.testing.assert_allclose(held.means(x)[0][:n], links @ x[:n] / np.diff(links.indptr), rtol=1e-13)
    assert held.nbytes < 7 * n < links.data.nbytes


@given(sizes, st.integers(0, 5), st.integers(0, 2**32))
def test_preferential_attachment_is_its_twin(n, m, seed):
    fitness = np.random.default_rng(seed + 1).lognormal(0, 1, n)
    got = graph.preferential(n, m, fitness, np.random.default_rng(seed))
    g = np.random.default_rng(seed)

    def choose(i, count, weights):
        return g.choice(i, size=count, replace=False, p=weights).tolist()

    expected = oracle.preferential(n, m, fitness.tolist(), choose)
    assert pairs(got) == expected
    assert all(i > j for i, j in expected)
    assert np.diff(got.indptr).tolist() == [min(m, i) for i in range(n)]


def test_the_fit_attract_more_links():
    n, late = 400, 10
    fitness = np.ones(n)
    fitness[late] = 30.0
    links = np.diff(graph.preferential(n, 2, fitness, np.random.default_rng(2)).tocsc().indptr)
    assert links[late] > 3 * links[:late].max()


def test_networkx_gets_every_link_and_its_weight():
    built = graph.to_networkx(sparse.csr_array([[0.0, 0.5], [0.0, 0.0]]))
    assert isinstance(built, nx.DiGraph)
    assert list(built.edges(data="weight")) == [(0, 1, 0.5)]
    assert list(built) == [0, 1]
