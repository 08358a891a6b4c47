from typing import get_args

from portal_notifications.mail_kinds import Template
from portal_notifications.preview import examples, main, write


def test_every_mail_is_written_in_both_languages_with_an_index_that_leads_to_each(tmp_path, capsys) -> None:
    assert main([str(tmp_path)]) == 0
    assert "index.html" in capsys.readouterr().out
    index = (tmp_path / "index.html").read_text()
    names = [name for name, _ in examples()]
    assert {name.partition("-")[0] for name in names} == set(get_args(Template))
    for name in names:
        for locale in ("ja", "en"):
            for kind in ("html", "txt"):
                assert f'"{name}.{locale}.{kind}"' in index
                assert "None" not in (tmp_path / f"{name}.{locale}.{kind}").read_text()
    assert write(tmp_path) == 2 * len(names) == 2 * index.count("<tr>")


def test_without_a_folder_it_says_how_it_is_called(capsys) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
