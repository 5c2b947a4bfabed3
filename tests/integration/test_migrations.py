"""The migrations build exactly the tables that the code describes, on both databases."""

from alembic import command
from sqlalchemy import create_engine, inspect

from puente.db import Base, async_url, migrations, models


def test_the_newest_revision_equals_the_models(database_url: str) -> None:
    migrations.upgrade(database_url)
    command.check(migrations.config(database_url))  # raises when a migration is missing


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    migrations.upgrade(database_url)
    migrations.upgrade(database_url)
    command.check(migrations.config(database_url))


def test_every_table_of_the_code_is_there_with_its_indices(database_url: str) -> None:
    assert models.__all__
    migrations.upgrade(database_url)
    engine = create_engine(async_url(database_url).replace("+aiosqlite", ""))
    try:
        found = inspect(engine)
        for name, table in Base.metadata.tables.items():
            indices = {index["name"] for index in found.get_indexes(name)}
            assert {index.name for index in table.indexes} <= indices, name
            checks = {check["name"] for check in found.get_check_constraints(name)}
            assert {str(check.name) for check in table.constraints if "ck_" in str(check.name)} <= checks, name
    finally:
        engine.dispose()


def test_going_back_leaves_nothing_behind(database_url: str) -> None:
    migrations.upgrade(database_url)
    command.downgrade(migrations.config(database_url), "base")
    engine = create_engine(async_url(database_url).replace("+aiosqlite", ""))
    try:
        assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    finally:
        engine.dispose()
