import pytest

from portal_local.servers.redis_users import redis_acl


def test_each_user_is_one_line_and_no_password_stands_there() -> None:
    text = redis_acl({"billing": "fake-one", "orders": "fake-two"}, "fake-three")
    assert [line.split()[1] for line in text.splitlines()] == ["default", "portal-admin", "billing", "orders"]
    assert text.startswith("user default off ")
    assert "fake" not in text


@pytest.mark.parametrize("name", ["billing ~*", "*", "", "a:b", "billing\nuser x on nopass"])
def test_a_name_that_would_change_the_rule_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a service's name"):
        redis_acl({name: "fake"}, "fake")
