#!/bin/sh
# The roles of docs/postgresql.md: one owns the tables, one serves and owns nothing, one reads
# everything for backups and changes nothing.
set -eu
psql -v ON_ERROR_STOP=1 -U postgres \
    -v owner_password="$ASKEL_OWNER_PASSWORD" -v server_password="$ASKEL_SERVER_PASSWORD" \
    -v backup_password="$ASKEL_BACKUP_PASSWORD" <<'SQL'
CREATE ROLE askel_owner LOGIN CREATEROLE PASSWORD :'owner_password';
CREATE ROLE askel_serving NOLOGIN NOBYPASSRLS;
GRANT askel_serving TO askel_owner WITH ADMIN OPTION;
CREATE ROLE askel_server LOGIN PASSWORD :'server_password' IN ROLE askel_serving;
CREATE ROLE askel_backup LOGIN BYPASSRLS PASSWORD :'backup_password' IN ROLE pg_read_all_data;
CREATE DATABASE askel OWNER askel_owner;
SQL
