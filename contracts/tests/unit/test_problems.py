import string

import pytest

from portal_contracts.problems import (
    CATALOGUE,
    FieldError,
    Misconfigured,
    PortalProblem,
    Refused,
    TryLater,
    customer_text,
    from_reply,
    staff_text,
    to_reply,
)

KINDS: dict[str, type[PortalProblem]] = {"try_later": TryLater, "refused": Refused, "misconfigured": Misconfigured}


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_code_has_status_owner_and_texts_in_both_languages(code: str) -> None:
    entry = CATALOGUE[code]
    assert code == code.upper()
    assert all((entry.text_en, entry.text_ja, entry.staff))
    assert any("\u3040" <= letter <= "\u30ff" or "\u4e00" <= letter <= "\u9fff" for letter in entry.text_ja)
    assert {"try_later": entry.status in {503, 429, 409}, "refused": 400 <= entry.status < 500}.get(
        entry.kind, entry.status == 500
    )
    assert (entry.retry_after is not None) == (entry.kind == "try_later")


@pytest.mark.parametrize("code", CATALOGUE)
def test_the_japanese_text_uses_no_fact_the_english_one_lacks(code: str) -> None:
    def facts(text: str) -> set[str]:
        """A reason is given in both languages, each under its own name."""
        return {name.removesuffix("_ja") for _, name, _, _ in string.Formatter().parse(text) if name}

    assert facts(CATALOGUE[code].text_ja) <= facts(CATALOGUE[code].text_en)


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_problem_survives_the_wire(code: str) -> None:
    problem = KINDS[CATALOGUE[code].kind](
        code, facts={"sku": "A"}, fields=[FieldError(field="lines.0", code="FIELD_MISSING")]
    )
    again = from_reply(to_reply(problem))
    assert (type(again), again.code, again.facts, again.fields) == (type(problem), code, {"sku": "A"}, problem.fields)


def test_a_code_of_another_kind_is_refused_where_it_is_raised() -> None:
    with pytest.raises(ValueError, match="refused"):
        TryLater("NOT_FOUND")


def test_an_unknown_code_from_a_newer_service_is_our_fault_and_no_crash() -> None:
    reply = to_reply(Refused("NOT_FOUND")).model_copy(update={"code": "ADDED_NEXT_YEAR"})
    assert isinstance(from_reply(reply), Misconfigured)


def test_a_staff_text_fits_salesforces_error_field() -> None:  # C37
    assert staff_text("WHMCS_ORDER_REFUSED", {"message": "x" * 400}).startswith("WHMCS_ORDER_REFUSED: ")
    assert len(staff_text("WHMCS_ORDER_REFUSED", {"message": "x" * 400})) == 255


def test_a_text_with_a_missing_fact_is_still_a_text() -> None:
    assert "–" in customer_text("PRODUCT_NOT_ORDERABLE", "en")
