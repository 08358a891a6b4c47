"""Problems of the life of a service: changing a SIM line, another plan, cancelling."""

from typing import Final

from portal_contracts.problem_entry import ProblemEntry, refused

PROBLEMS_OF_SERVICES: Final[tuple[ProblemEntry, ...]] = (
    refused(
        "LINE_CHANGE_REFUSED",
        409,
        "The mobile operator did not accept this change. Nothing was changed or charged. Please contact support.",
        "通信事業者がこの変更を受け付けませんでした。変更・課金は行われていません。サポートまでご連絡ください。",
        "Freebit refused a change of a line in service: FREEBIT_{pair}.",
        owner="staff",
    ),
    refused(
        "LINE_CHANGE_UNCLEAR",
        409,
        "We are checking with the mobile operator whether your change was made. You do not need to do anything.",
        "変更が完了したか通信事業者に確認しております。お客様のお手続きは必要ありません。",
        "Nobody can tell whether Freebit made a {kind} on a line; the line is held. Look, then close the change.",
        owner="staff",
    ),
    refused(
        "LINE_CHANGE_UNDER_WAY",
        409,
        "Another change of this line is under way. Please wait until it is done.",
        "この回線では別の手続きを処理中です。完了後にもう一度お試しください。",
        "The line has an open change already.",
    ),
    refused(
        "LINE_CHANGE_NOT_UNCLEAR",
        409,
        "This change is not waiting for anybody's decision.",
        "この変更は判断待ちの状態ではありません。",
        "The change of the line is {state}: only an unclear one is closed by hand.",
    ),
    refused(
        "LINE_NOT_IN_SERVICE",
        409,
        "This line is not in service, so it cannot be changed now.",
        "この回線は現在ご利用中の状態ではないため、変更できません。",
        "The line is {state} at Freebit, or lacks what the change needs.",
    ),
    refused(
        "TOP_UP_OUT_OF_RANGE",
        422,
        "Please choose one of the amounts of data on offer.",
        "追加データ量は一覧からお選びください。",
        "A top-up of {megabytes} MB is not on offer ([top_ups] of the plans file).",
    ),
    refused(
        "ESIM_REISSUE_TOO_SOON",
        409,
        "A new eSIM was issued for this line lately. You can ask for another one from {again_at} on.",
        "この回線のeSIMは最近再発行されました。次の再発行は{again_at}以降に可能です。",
        "A second re-issue within the cool-down (PORTAL_ESIM_REISSUE_HOURS, D11).",
    ),
    refused(
        "WHMCS_CHARGE_UNCLEAR",
        409,
        "Your charge is being checked by our staff. You do not need to do anything.",
        "担当者がご請求を確認しております。お客様のお手続きは必要ありません。",
        "Twice no invoice with the key {charge_key} was found after CreateInvoice: look in WHMCS.",
        owner="staff",
    ),
    refused(
        "CANCELLATION_NOT_POSSIBLE",
        409,
        "This service cannot be cancelled here. Please contact support.",
        "このサービスはこちらから解約できません。サポートまでご連絡ください。",
        "The service is {state}, or neither order nor opportunity says what kind of service it is.",
    ),
    refused(
        "CANCELLATION_UNDER_WAY",
        409,
        "This service is being cancelled already.",
        "このサービスはすでに解約手続き中です。",
        "The service has an open cancellation.",
    ),
    refused(
        "CANCELLATION_DATE_INVALID",
        422,
        "Please choose a month from this one up to {months} months ahead.",
        "今月から{months}か月先までの月を選択してください。",
        "The wanted last month is over, too far ahead, or not offered for this kind of service (C33).",
    ),
    refused(
        "CANCELLATION_DATE_CHANGED",
        409,
        "The last day of the service would now be {ends_on}. Please look at the details again.",
        "解約日が{ends_on}に変わりました。内容をもう一度ご確認ください。",
        "The day turned between preview and request, or the preview was another one.",
    ),
    refused(
        "CANCELLATION_TOO_LATE",
        409,
        "This cancellation cannot be taken back any more. Please contact support.",
        "この解約は取り消すことができません。サポートまでご連絡ください。",
        "The cancellation has taken effect or is over.",
    ),
    refused(
        "CANCELLATION_OVERDUE",
        409,
        "Our staff are completing your cancellation. You do not need to do anything.",
        "担当者が解約手続きを進めております。お客様のお手続きは必要ありません。",
        "The service should be off since {effective_at} and WHMCS still shows it {state} (C22).",
        owner="staff",
    ),
    refused(
        "PLAN_CHANGE_NOT_OFFERED",
        409,
        "This plan is not offered for your service. Please contact support.",
        "このプランへの変更はご利用いただけません。サポートまでご連絡ください。",
        "The plan {sku} is unknown, unorderable, of another kind, the one in use, or WHMCS offers no upgrade to it.",
    ),
)
