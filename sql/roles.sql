-- What the role of `extrato serve` needs, and no more. The owner of the tables runs it, once the service has made its own tables
-- (start it once as that owner):
--
--     psql -v role=extrato_service -v schema=hiring -f sql/roles.sql
--
-- With on_duplicate=update the role needs UPDATE on the tables too.
GRANT USAGE ON SCHEMA :"schema", extrato_serve TO :"role";
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA :"schema" TO :"role";
GRANT SELECT ON extrato_serve.key TO :"role";
GRANT SELECT, INSERT, DELETE ON extrato_serve.request TO :"role";
GRANT INSERT ON extrato_serve.audit TO :"role";
