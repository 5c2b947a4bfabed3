#!/bin/sh
# Runs once, when PostgreSQL makes its data folder: Rasa gets a database and a user that cannot see Puente's.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$POSTGRES_BOT_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE rasa LOGIN PASSWORD :'password' CONNECTION LIMIT 40;
CREATE DATABASE rasa OWNER rasa;
REVOKE CONNECT ON DATABASE rasa FROM PUBLIC;
REVOKE CONNECT ON DATABASE puente FROM PUBLIC;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;
SQL
