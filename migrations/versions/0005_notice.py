"""that a contact was given the privacy notice"""

import advanced_alchemy.types
import sqlalchemy as sa
from alembic import op

revision = "0005_notice"
down_revision = "0003_outbound"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = advanced_alchemy.types.datetime.DateTimeUTC(timezone=True)


def upgrade() -> None:
    op.create_table(
        "privacy_notices",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("source_wamid", sa.String(), nullable=False),
        sa.Column("given_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_privacy_notices_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_privacy_notices")),
        sa.UniqueConstraint("contact_id", "version", name=op.f("uq_privacy_notices_contact_id_version")),
    )


def downgrade() -> None:
    op.drop_table("privacy_notices")
