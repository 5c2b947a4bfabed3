"""The migrations build exactly the tables that the code describes, on both databases."""

from alembic import command
from sqlalchemy import create_engine, inspect, text

from puente.db import Base, async_url, migrations, models


def test_the_newest_revision_equals_the_models(database_url: str) -> None:
    migrations.upgrade(database_url)
    command.check(migrations.config(database_url))  # raises when a migration is missing


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    migrations.upgrade(database_url)
    migrations.upgrade(database_url)
    command.check(migrations.config(database_url))


def test_what_was_kept_before_the_newest_tables_is_kept_after_them(database_url: str) -> None:
    configuration = migrations.config(database_url)
    command.upgrade(configuration, "0001")
    engine = create_engine(async_url(database_url).replace("+aiosqlite", ""))
    moment = "2026-11-22 18:00:00+00:00"
    contact = {"id": "c1", "phone": "+525555550101", "owner": "bot", "at": moment}
    message = {"contact": "c1", "wamid": "wamid.1", "at": moment}
    try:
        with engine.begin() as connection:
            connection.execute(
                text("INSERT INTO contacts (id, phone, owner, created_at) VALUES (:id, :phone, :owner, :at)"), contact
            )
            columns = "contact_id, direction, wamid, type, author, status, sent_at, created_at, attempts"
            values = ":contact, 'in', :wamid, 'text', 'familia', 'received', :at, :at, 0"
            connection.execute(text(f"INSERT INTO messages ({columns}) VALUES ({values})"), message)
        migrations.upgrade(database_url)
        with engine.connect() as connection:
            query = "SELECT phone, verify_since, verify_attempts, previous_id FROM contacts"
            assert tuple(connection.execute(text(query)).one()) == ("+525555550101", None, 0, None)
            kept = connection.execute(text("SELECT contact_id, wamid, about_wamid FROM messages")).one()
            assert tuple(kept) == ("c1", "wamid.1", None)
    finally:
        engine.dispose()


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


def test_messages_of_before_keep_what_they_were_and_learn_what_they_are_for(database_url: str) -> None:
    command.upgrade(migrations.config(database_url), "0001")
    engine = create_engine(async_url(database_url).replace("+aiosqlite", ""))
    columns = "contact_id, direction, type, text, author, status, sent_at, created_at, attempts, turn_id"
    moment = "'2026-11-22 12:00:00'"
    rows = [
        f"'c', 'in', 'text', 'hola', 'familia', 'done', {moment}, {moment}, 0, NULL",
        f"'c', 'out', 'text', 'buenas', 'bot', 'failed', {moment}, {moment}, 3, 1",
        f"'c', 'out', 'template', 'alerta', 'sistema', 'sent', {moment}, {moment}, 1, NULL",
    ]
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"INSERT INTO contacts (id, owner, created_at) VALUES ('c', 'bot', {moment})")
            for row in rows:
                connection.exec_driver_sql(f"INSERT INTO messages ({columns}) VALUES ({row})")
        migrations.upgrade(database_url)
        with engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT text, purpose, status, turn_id FROM messages ORDER BY id").all()
    finally:
        engine.dispose()
    assert [tuple(row) for row in found] == [
        ("hola", None, "done", None),
        ("buenas", "respuesta", "failed", 1),
        ("alerta", "alarma", "sent", None),
    ]
