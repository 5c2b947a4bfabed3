"""identity changes, what a message is about, media"""

import advanced_alchemy.types
import sqlalchemy as sa
from alembic import op

revision = "0002_inbound"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = advanced_alchemy.types.datetime.DateTimeUTC(timezone=True)


def upgrade() -> None:
    # Only columns are added to the old tables: SQLite rebuilds a table for anything more, and others refer to these.
    op.add_column("contacts", sa.Column("verify_since", MOMENT, nullable=True))
    op.add_column("contacts", sa.Column("verify_reason", sa.String(), nullable=True))
    op.add_column("contacts", sa.Column("verify_asked_at", MOMENT, nullable=True))
    op.add_column("contacts", sa.Column("verify_attempts", BIG_ID, nullable=False, server_default=sa.text("0")))
    op.add_column("contacts", sa.Column("previous_id", sa.String(), nullable=True))
    op.add_column("messages", sa.Column("about_wamid", sa.String(), nullable=True))
    op.create_index("ix_messages_about", "messages", ["about_wamid"])

    op.create_table(
        "contact_changes",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("old", sa.String(), nullable=True),
        sa.Column("new", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_contact_changes_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_changes")),
    )
    op.create_index(op.f("ix_contact_changes_contact_id"), "contact_changes", ["contact_id"])

    op.create_table(
        "media",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("message_id", BIG_ID, nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("case_id", BIG_ID, nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("whatsapp_id", sa.String(), nullable=False),
        sa.Column("declared_mime", sa.String(), nullable=True),
        sa.Column("declared_sha256", sa.String(), nullable=True),
        sa.Column("filename", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("mime", sa.String(), nullable=True),
        sa.Column("bytes", BIG_ID, nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("attempts", BIG_ID, nullable=False),
        sa.Column("not_before", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("stored_at", MOMENT, nullable=True),
        sa.Column("told_at", MOMENT, nullable=True),
        sa.Column("told_of_delay_at", MOMENT, nullable=True),
        sa.CheckConstraint("state IN ('pendiente', 'guardado', 'fallido')", name=op.f("ck_media_state")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_media_case_id")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_media_contact_id")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_media_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
        sa.UniqueConstraint("key", name=op.f("uq_media_key")),
        sa.UniqueConstraint("message_id", name=op.f("uq_media_message_id")),
    )
    op.create_index(op.f("ix_media_case_id"), "media", ["case_id"])
    op.create_index("ix_media_work", "media", ["contact_id", "state"])


def downgrade() -> None:
    op.drop_table("media")
    op.drop_table("contact_changes")
    op.drop_index("ix_messages_about", table_name="messages")
    op.drop_column("messages", "about_wamid")
    for name in ("previous_id", "verify_attempts", "verify_asked_at", "verify_reason", "verify_since"):
        op.drop_column("contacts", name)
