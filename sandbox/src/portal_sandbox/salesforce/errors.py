"""Salesforce's refusals: HTTP status, errorCode and message as reference/salesforce.md 2.6 lists them."""

from collections.abc import Sequence


class SalesforceError(Exception):
    """One refusal. REST answers it as a one-element array; collections and composite embed it."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = tuple(fields)

    def body(self) -> list[dict[str, object]]:
        """The array of a plain REST error."""
        entry: dict[str, object] = {"message": self.message, "errorCode": self.code}
        if self.fields:
            entry["fields"] = list(self.fields)
        return [entry]

    def save_result(self) -> dict[str, object]:
        """The same inside a collection result, where the key is statusCode."""
        return {
            "success": False,
            "errors": [{"statusCode": self.code, "message": self.message, "fields": list(self.fields)}],
        }


def bad_request(code: str, message: str, fields: Sequence[str] = ()) -> SalesforceError:
    """A 400, the status of every validation error."""
    return SalesforceError(400, code, message, fields)


def not_found(message: str = "The requested resource does not exist") -> SalesforceError:
    """A 404 NOT_FOUND."""
    return SalesforceError(404, "NOT_FOUND", message)


def unknown_column(field: str, entity: str) -> SalesforceError:
    """The field does not exist in this org's dialect."""
    return bad_request("INVALID_FIELD", f"No such column '{field}' on sobject of type {entity}")


def read_only(fields: Sequence[str]) -> SalesforceError:
    """The field exists but cannot be written."""
    return bad_request(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {', '.join(fields)}. Please check the security settings of this field and "
        "verify that it is read/write for your profile or permission set.",
        fields,
    )


def no_right(verb: str, entity: str) -> SalesforceError:
    """The object permission is missing; the words of a delete, the code of all (reference 2.6)."""
    return bad_request("INSUFFICIENT_ACCESS_OR_READONLY", f"cannot {verb} {entity}")
