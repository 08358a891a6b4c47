"""Problems of support cases and of files that customers send."""

from typing import Final

from portal_contracts.problem_entry import ProblemEntry, later, refused

PROBLEMS_OF_SUPPORT: Final[tuple[ProblemEntry, ...]] = (
    refused(
        "CASE_NOT_TAKEN",
        409,
        "Our support desk's system did not take this. Please call us.",
        "サポート窓口のシステムで受け付けられませんでした。お手数ですがお電話でお問い合わせください。",
        "A rule of the org refused to write a case, a comment or a file.",
        owner="staff",
    ),
    refused(
        "CASE_FILES_FULL",
        409,
        "You can send {limit} files to one case. Please open another one.",
        "1件のお問い合わせに添付できるファイルは{limit}件までです。新しいお問い合わせを作成してください。",
        "The customer has sent as many files to the case as one may (C41).",
    ),
    refused(
        "CASE_FILE_TOO_LARGE",
        409,
        "This file is over {megabytes} MB and cannot be opened here. Please ask us for it.",
        "{megabytes}MBを超えるため、ここでは開けません。担当者にお問い合わせください。",
        "Staff attached a file that is larger than what travels on the bus (C41).",
        owner="staff",
    ),
    refused(
        "FILE_INFECTED",
        422,
        "We cannot take this file: our check found something harmful in it.",
        "ウイルスチェックで問題が見つかったため、このファイルは受け付けられません。",
        "The virus scanner found something in what a customer sent; its name is in the service's log (§5 item 6).",
    ),
    later(
        "VIRUS_SCANNER_UNAVAILABLE",
        "us",
        "Files cannot be sent right now. Please try again in a moment.",
        "ただいまファイルを送信できません。しばらくしてからもう一度お試しください。",
        "The virus scanner does not answer, or not with a judgement: no file of a customer passes meanwhile.",
    ),
)
