"""Logins (users) and their clients: a user id is never a client id."""

import hashlib
import secrets

from portal_sandbox.whmcs.calls import Answer, ApiError, Call, Row, Text


def hash_password(password: str) -> str:
    """A salted digest; cheap on purpose, the stand-in holds invented passwords only."""
    salt = secrets.token_hex(8)
    return f"{salt}${hashlib.sha256((salt + password).encode()).hexdigest()}"


def password_matches(password: str, stored: str) -> bool:
    """Whether the password made this digest."""
    salt, _, digest = stored.partition("$")
    return secrets.compare_digest(hashlib.sha256((salt + password).encode()).hexdigest(), digest)


def find_user(call: Call, email: str, password: str) -> Row:
    """The user with this e-mail and password. ApiError that does not tell which of the two is wrong."""
    row = call.one("SELECT * FROM whmcs_user WHERE email = ?", email)
    if row is None or not password_matches(password, row["password_hash"]):
        raise ApiError("Email or Password Invalid")
    return row


def validate_login(call: Call) -> Answer:
    """ValidateLogin: proves the password of a user; no session token while a second factor is missing."""
    user = find_user(call, call.params.text("email"), call.params.text("password2"))
    answer: Answer = {"userid": str(user["id"])}
    if not user["two_factor"]:
        call.update("whmcs_user", user["id"], lastlogin=call.whmcs.stamp())
        answer["passwordhash"] = secrets.token_hex(20)
    answer["twoFactorEnabled"] = "true" if user["two_factor"] else "false"
    call.record("login.validated", user["id"], two_factor=bool(user["two_factor"]))
    return answer


def get_users(call: Call) -> Answer:
    """GetUsers: prefix search over e-mail and names."""
    wanted = call.params.text("search").lower()
    direction = "DESC" if call.params.text("sorting").upper() == "DESC" else "ASC"
    rows = [
        row
        for row in call.all(f"SELECT * FROM whmcs_user ORDER BY id {direction}")  # noqa: S608 - one of two words
        if any(str(row[name]).lower().startswith(wanted) for name in ("email", "firstname", "lastname"))
    ]
    part, counters = call.page(rows)
    return {**counters, "users": [_described(call, row) for row in part]}


def add_user(call: Call) -> Answer:
    """AddUser: a login without a client."""
    names = {"firstname": "first name", "lastname": "last name", "email": "email address", "password2": "password"}
    for name, label in names.items():
        if not call.params.text(name):
            raise ApiError(f"You did not enter your {label}")
    user_id = create_user(
        call,
        call.params.text("firstname"),
        call.params.text("lastname"),
        call.params.text("email"),
        call.params.text("password2"),
    )
    call.record("user.created", user_id)
    return {"user_id": str(user_id)}


def create_user(call: Call, first_name: str, last_name: str, email: str, password: str) -> int:
    """Adds a user; its id. ApiError when the e-mail is taken."""
    if call.one("SELECT 1 FROM whmcs_user WHERE email = ?", email) is not None:
        raise ApiError("A user already exists with that email address")
    return call.insert(
        "whmcs_user",
        firstname=first_name,
        lastname=last_name,
        email=email,
        password_hash=hash_password(password),
        created=call.whmcs.stamp(),
    )


def reset_password(call: Call) -> Answer:
    """ResetPassword: WHMCS's own reset mail."""
    user_id, email = call.params.whole("id"), call.params.text("email")
    if not user_id and not email:
        raise ApiError("Please enter the email address or provide the id")
    row = call.one("SELECT id, email FROM whmcs_user WHERE id = ? OR (? <> '' AND email = ?)", user_id, email, email)
    if row is None:
        raise ApiError("No user found")
    owner = call.one("SELECT client_id FROM whmcs_user_client WHERE user_id = ? ORDER BY client_id", row["id"])
    call.mail(owner["client_id"] if owner else 0, "Password Reset Validation", row["id"])
    return {"email": row["email"]}


def _described(call: Call, row: Row) -> Answer:
    clients = call.all("SELECT * FROM whmcs_user_client WHERE user_id = ? ORDER BY client_id", row["id"])
    return {
        "id": row["id"],
        "firstname": Text(row["firstname"]),
        "lastname": Text(row["lastname"]),
        "email": row["email"],
        "datecreated": row["created"],
        "validationdata": "",
        "clients": [{"id": link["client_id"], "isOwner": bool(link["is_owner"])} for link in clients],
    }
