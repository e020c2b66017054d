# SPDX-License-Identifier: MIT
"""A campaign's database: what is in it does not depend on how it came to be there."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fi_synthetic as synthetic
import pytest

from faultinject import campaign, schema
from faultinject.errors import EngineError, InjectorError, SetupError, UsageError
from faultinject.export import TABLES, write_csv
from faultinject.merge import merge
from faultinject.models import MODELS
from faultinject.plan import Shard
from faultinject.store import Store, StoreError, fault_of

DRAWS = 600


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("campaigns") / "whole"
    synthetic.run(directory, synthetic.request(DRAWS), synthetic.Engine())
    return directory


def dump(directory: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(directory / campaign.DATABASE)) as connection:
        return list(connection.iterdump())


def interrupt() -> None:
    raise KeyboardInterrupt


def test_the_order_of_results_has_no_influence(whole: Path, tmp_path: Path) -> None:
    again = synthetic.run(tmp_path / "again", synthetic.request(DRAWS), synthetic.Engine(shuffle=7))
    assert again == (whole / campaign.SUMMARY).read_bytes()
    assert dump(tmp_path / "again") == dump(whole)


@pytest.mark.parametrize("batch", [50, 20_000])
def test_an_interrupted_campaign_goes_on_and_nothing_is_run_twice(whole: Path, tmp_path: Path, batch: int,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "BATCH_DRAWS", batch)
    monkeypatch.setattr(campaign, "WRITE_RECORDS", 16)
    ran: list[str] = []
    for stop in (0, 1, 40, 100):
        engine = synthetic.Engine(shuffle=stop, at={stop: interrupt})
        with pytest.raises(KeyboardInterrupt):
            synthetic.run(tmp_path / "c", synthetic.request(DRAWS), engine)
        ran += engine.ran
    last = synthetic.Engine(shuffle=9)
    assert synthetic.run(tmp_path / "c", synthetic.request(DRAWS), last) == (whole / campaign.SUMMARY).read_bytes()
    assert dump(tmp_path / "c") == dump(whole)
    ran += last.ran
    assert len(ran) == len(set(ran))
    idle = synthetic.Engine()
    synthetic.run(tmp_path / "c", synthetic.request(DRAWS), idle)
    assert idle.ran == []


def test_a_killed_campaign_goes_on(tmp_path: Path) -> None:
    def run(directory: str, *kill: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, synthetic.__file__, tmp_path / directory, "2000", *kill],
                              capture_output=True, text=True, timeout=300, check=False)

    assert run("killed", "700").returncode == -9
    with Store.open(tmp_path / "killed" / campaign.DATABASE) as store:
        kept = sum(row["run"] for row in store.tally())
    assert 700 - campaign.WRITE_RECORDS <= kept <= 700
    assert run("killed").returncode == 0 and run("whole").returncode == 0
    assert dump(tmp_path / "killed") == dump(tmp_path / "whole")
    assert (tmp_path / "killed" / campaign.SUMMARY).read_bytes() == (tmp_path / "whole" / campaign.SUMMARY).read_bytes()


def test_a_campaign_can_be_made_larger_but_not_smaller(whole: Path, tmp_path: Path) -> None:
    synthetic.run(tmp_path / "c", synthetic.request(DRAWS // 3), synthetic.Engine())
    grown = synthetic.run(tmp_path / "c", synthetic.request(DRAWS), synthetic.Engine())
    assert grown == (whole / campaign.SUMMARY).read_bytes()
    assert dump(tmp_path / "c") == dump(whole)
    with pytest.raises(UsageError, match="holds 600 draws already"):
        synthetic.run(tmp_path / "c", synthetic.request(DRAWS - 1), synthetic.Engine())


def test_a_fault_that_is_drawn_twice_is_run_once_and_counts_twice(whole: Path) -> None:
    """60 instructions of rng are hung 150 times."""
    with Store.open(whole / campaign.DATABASE) as store:
        rows = list(store.experiments(service="rng", model="hang"))
        tally = store.tally()
    assert len(rows) <= 60 and max(row["weight"] for row in rows) > 1
    assert sum(row["weight"] for row in rows) == DRAWS // 4
    found = json.loads((whole / campaign.SUMMARY).read_bytes())
    assert found["injected"] == DRAWS == sum(found["outcomes"].values()) == sum(row["draws"] for row in tally)
    assert found["experiments"] < DRAWS
    assert found["by_service_and_model"]["rng"]["hang"]["injected"] == DRAWS // 4
    times = [row["weight"] for row in rows if row["outcome"] == "recovered_transparently"]
    assert found["by_service_and_model"]["rng"]["hang"]["recovery_ns"]["count"] == sum(times) > len(times)


def test_estimates_are_of_the_raw_space(whole: Path) -> None:
    found = json.loads((whole / campaign.SUMMARY).read_bytes())
    estimate = found["estimates"]["hang"]
    assert estimate["raw_faults"] == sum(synthetic.INSTRUCTIONS.values())
    shares = {service: found["by_service_and_model"][service]["hang"]["intervals"]["recovered_transparently"]["share"]
              for service in synthetic.INSTRUCTIONS}
    expected = sum(share * synthetic.INSTRUCTIONS[service] for service, share in shares.items())
    recovered = estimate["outcomes"]["recovered_transparently"]
    assert abs(recovered["faults"] - expected) < 1
    assert recovered["interval_95"][0] < expected < recovered["interval_95"][1]


@pytest.mark.parametrize("of", [2, 3, 5])
def test_merged_shards_are_the_whole_campaign(whole: Path, tmp_path: Path, of: int) -> None:
    for index in range(of):
        synthetic.run(tmp_path / str(index), synthetic.request(DRAWS, shard=Shard(index, of)), synthetic.Engine(index))
    order = [tmp_path / str(index) / campaign.DATABASE for index in reversed(range(of))]
    merge(order[:-1], tmp_path / "some") if of > 2 else None
    merge([tmp_path / "some" / campaign.DATABASE, order[-1]] if of > 2 else order, tmp_path / "all")
    assert (tmp_path / "all" / campaign.SUMMARY).read_bytes() == (whole / campaign.SUMMARY).read_bytes()
    assert dump(tmp_path / "all") == dump(whole)


def test_campaigns_of_other_seeds_and_services_merge_in_any_order(whole: Path, tmp_path: Path) -> None:
    synthetic.run(tmp_path / "b", synthetic.request(300, seed=2), synthetic.Engine())
    synthetic.run(tmp_path / "c", synthetic.request(50, services=("rng",)), synthetic.Engine())
    paths = [directory / campaign.DATABASE for directory in (whole, tmp_path / "b", tmp_path / "c")]
    first = merge(paths, tmp_path / "x")
    merge(paths[::-1], tmp_path / "y")
    assert dump(tmp_path / "x") == dump(tmp_path / "y")
    assert first["injected"] == DRAWS + 300 + 50
    with Store.open(tmp_path / "x" / campaign.DATABASE) as store:
        assert [part.seed for part in store.parts()] == [1, 1, 2]
        numbers = [row["number"] for row in store.experiments()]
        assert numbers == sorted(set(numbers)) and numbers[-1] < DRAWS + 350


@pytest.mark.parametrize("key", campaign.IDENTITY)
def test_databases_of_different_systems_are_not_merged(whole: Path, tmp_path: Path, key: str) -> None:
    synthetic.run(tmp_path / "c", synthetic.request(10, seed=2), synthetic.Engine(), {key: "other"})
    with pytest.raises(UsageError, match=f"cannot be merged: another {re.escape(campaign.IDENTITY[key])}") as raised:
        merge([whole / campaign.DATABASE, tmp_path / "c" / campaign.DATABASE], tmp_path / "all")
    assert raised.value.mend
    assert not (tmp_path / "all").exists()


def test_what_would_count_twice_or_is_not_complete_is_not_merged(whole: Path, tmp_path: Path) -> None:
    database = whole / campaign.DATABASE
    with pytest.raises(UsageError, match="hold the same draws"):
        merge([database, database], tmp_path / "all")
    for shard in (Shard(0, 2), Shard(0, 3)):
        synthetic.run(tmp_path / str(shard.of), synthetic.request(DRAWS, shard=shard), synthetic.Engine())
    with pytest.raises(UsageError, match="hold the same draws"):
        merge([tmp_path / "2" / campaign.DATABASE, tmp_path / "3" / campaign.DATABASE], tmp_path / "all")
    with pytest.raises(KeyboardInterrupt):
        synthetic.run(tmp_path / "part", synthetic.request(DRAWS, seed=2), synthetic.Engine(at={20: interrupt}))
    with pytest.raises(UsageError, match="is not complete"):
        merge([database, tmp_path / "part" / campaign.DATABASE], tmp_path / "all")


def test_the_same_fault_with_another_result_is_noticed(whole: Path, tmp_path: Path) -> None:
    """Campaigns of two seeds have hung some instruction of rng both."""
    synthetic.run(tmp_path / "b", synthetic.request(DRAWS, seed=2), synthetic.Engine())
    with contextlib.closing(sqlite3.connect(tmp_path / "b" / campaign.DATABASE)) as connection, connection:
        connection.execute("UPDATE result SET ended_at_ns = ended_at_ns + 1")
    with pytest.raises(EngineError, match="has another result"):
        merge([whole / campaign.DATABASE, tmp_path / "b" / campaign.DATABASE], tmp_path / "all")
    assert list((tmp_path / "all").iterdir()) == []


def test_another_campaign_in_the_directory_is_refused_or_replaced(whole: Path, tmp_path: Path) -> None:
    wanted = synthetic.request(10)
    synthetic.run(tmp_path / "c", wanted, synthetic.Engine())
    for other, why in ((replace(wanted, seed=2), "other seed"), (replace(wanted, services=("fs",)), "other services"),
                       (replace(wanted, shard=Shard(0, 2)), "another shard")):
        with pytest.raises(UsageError, match=why):
            campaign.make_way(tmp_path / "c", synthetic.IDENTITY, other, False, False)
    with pytest.raises(UsageError, match="another kernel image .aa there, zz here"):
        campaign.make_way(tmp_path / "c", {**synthetic.IDENTITY, "system_sha256": "zz"}, wanted, False, False)
    campaign.make_way(tmp_path / "c", synthetic.IDENTITY, wanted, True, True)
    assert (tmp_path / "c" / campaign.DATABASE).exists()
    campaign.make_way(tmp_path / "c", synthetic.IDENTITY, replace(wanted, seed=2), True, False)
    assert list((tmp_path / "c").iterdir()) == []
    with pytest.raises(UsageError, match="no campaign"):
        campaign.make_way(tmp_path / "c", synthetic.IDENTITY, wanted, False, True)


def test_two_campaigns_do_not_work_in_one_directory(tmp_path: Path) -> None:
    with campaign.locked(tmp_path), pytest.raises(UsageError, match="another campaign is running"), \
            campaign.locked(tmp_path):
        pass


def test_files_that_are_no_database_of_this_version_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    with pytest.raises(UsageError, match="there is no campaign database"):
        Store.open(path)
    path.write_text("no database at all, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store.open(path)
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE other (x)")
    with pytest.raises(UsageError, match="not of a campaign"):
        Store.open(path)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE experiment (number)")
    with pytest.raises(SetupError, match="is of format 1, this tool reads format 3"):
        Store.open(path)


def test_a_full_disk_is_said_and_the_campaign_goes_on_afterwards(whole: Path, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    opened = campaign.open_store

    def small(*arguments: object) -> Store:
        store = opened(*arguments)
        store.rows("PRAGMA max_page_count = 40")
        return store

    monkeypatch.setattr(campaign, "open_store", small)
    with pytest.raises(StoreError, match="full") as raised:
        synthetic.run(tmp_path / "c", synthetic.request(DRAWS), synthetic.Engine())
    assert "make room" in raised.value.mend
    monkeypatch.undo()
    assert synthetic.run(tmp_path / "c", synthetic.request(DRAWS), synthetic.Engine()) == \
        (whole / campaign.SUMMARY).read_bytes()


def test_memory_does_not_grow_with_the_campaign(tmp_path: Path) -> None:
    def peak_kib(draws: int) -> int:
        done = subprocess.run([sys.executable, synthetic.__file__, tmp_path / str(draws), str(draws)],
                              capture_output=True, text=True, timeout=600, check=True)
        return int(done.stdout)

    small, large = peak_kib(campaign.BATCH_DRAWS), peak_kib(3 * campaign.BATCH_DRAWS)
    assert large - small < 16 * 1024, f"{small} KiB for one batch, {large} KiB for three"
    assert large < 300 * 1024


def test_every_table_can_be_exported(whole: Path, tmp_path: Path) -> None:
    for table in TABLES:
        path = tmp_path / f"{table}.csv"
        with path.open("w") as output:
            count = write_csv(whole / campaign.DATABASE, table, output)
        with Store.open(whole / campaign.DATABASE) as store:
            assert path.read_text().splitlines()[0].split(",") == store.columns(table)
            assert count == sum(1 for _ in store.canonical_rows(table)) > 0
    with pytest.raises(UsageError):
        write_csv(whole / campaign.DATABASE, "nothing", sys.stdout)


def test_experiments_are_found_by_id_beginning_and_number(whole: Path) -> None:
    with Store.open(whole / campaign.DATABASE) as store:
        row = list(store.experiments())[5]
        for which in (row["id"], row["id"][:12], str(row["number"])):
            assert tuple(store.find(which)) == tuple(row)
        for which in ("zzzz", "99999999"):
            with pytest.raises(InjectorError):
                store.find(which)
        model = MODELS[row["model"]]
        assert row["description"] == model.describe(fault_of(row).change)


def test_the_page_describes_every_column(whole: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "database.md").read_text()
    described = set(re.findall(r"`(\w+)`", page))
    with Store.open(whole / campaign.DATABASE) as store:
        for table in (*schema.TABLES, "experiment"):
            assert set(store.columns(table)) <= described
        assert set(store.facts()) | set(store.facts()["golden"]) <= described
