"""What operators leave behind goes when its time is over, in Postgres; who they are stays (§5.10)."""

from portal_chassis.pruning import Pruning
from portal_identity.store_retention import forget_what_operators_left

OPERATOR = """
INSERT INTO operator (id, email, comparable_email, roles, approved_by, granted_by)
VALUES (gen_random_uuid(), 'o@staff.example', 'o@staff.example', '{support}', 'a', 'b') RETURNING id
"""
SESSION = """
INSERT INTO operator_session (id, token_hash, csrf_token, operator_id, expires_at, client_address)
VALUES (gen_random_uuid(), $2::text::bytea, '', $1, now() - make_interval(days => $3), $2)
"""
ENROLMENT = """
INSERT INTO operator_enrolment (token_hash, operator_id, expires_at, ended_at)
VALUES ($2::text::bytea, $1, now() + interval '1 day', now() - make_interval(days => $3))
"""


async def test_sessions_and_enrolments_of_operators_go_after_their_end(identity):
    database = identity.database
    operator = await database.fetchval(OPERATOR)
    for name, days in (("old", 91), ("young", 89), ("open", -1)):
        await database.execute(SESSION, operator, name, days)
    for name, days in (("old", 91), ("young", 89), ("open", None)):
        await database.execute(ENROLMENT, operator, name, days)
    pruning = Pruning(database)
    forget_what_operators_left(pruning, 90)
    await pruning.round()
    sessions = "SELECT string_agg(client_address, ',' ORDER BY client_address) FROM operator_session"
    assert await database.fetchval(sessions) == "open,young"
    enrolments = "SELECT string_agg(convert_from(token_hash, 'utf8'), ',' ORDER BY token_hash) FROM operator_enrolment"
    assert await database.fetchval(enrolments) == "open,young"
    assert await database.fetchval("SELECT count(*) FROM operator") == 1
