"""Problems of signed calls, of bringing a number along, of schedules, eSIM codes and operators."""

from typing import Final

from portal_contracts.problem_entry import ProblemEntry, later, refused

_CHECKING_EN: Final = "Your order is being checked by our staff. You do not need to do anything."
_CHECKING_JA: Final = "担当者がご注文を確認しております。お客様のお手続きは必要ありません。"
_OPERATORS_JA: Final = "この操作は実行できません。"

PROBLEMS_OF_OPERATIONS: Final[tuple[ProblemEntry, ...]] = (
    # signed calls
    refused(
        "SIGNATURE_MALFORMED",
        400,
        "The header {header} is missing or not as described.",
        "ヘッダー{header}がないか、形式が正しくありません。",
        "A signed call with a missing, repeated or malformed header: {header} (R139).",
        owner="us",
    ),
    refused(
        "SIGNATURE_INVALID",
        401,
        "The signature is not valid for this request.",
        "署名が正しくありません。",
        "No signature of the call matches a key that is valid now; compare key id, key and canonical string (R138).",
        owner="us",
    ),
    refused(
        "SIGNED_CALL_EXPIRED",
        401,
        "The request is too old or its clock is wrong. Sign it anew.",
        "リクエストの時刻が許容範囲外です。署名し直してください。",
        "The call's timestamp is more than 300 s from our clock (R140).",
        owner="us",
    ),
    refused(
        "NONCE_REPLAYED",
        401,
        "This request was received before. Sign a new one.",
        "このリクエストはすでに受信済みです。",
        "The nonce of a signed call came twice (R141).",
        owner="us",
    ),
    refused(
        "CALLER_NOT_ALLOWED",
        403,
        "Calls from this address are not accepted.",
        "このアドレスからの呼び出しは許可されていません。",
        "A signed call came from an address outside of PORTAL_SIGNED_CALLERS (R267).",
        owner="us",
    ),
    # bringing a number along
    refused(
        "PORTING_DATA_MISSING",
        422,
        "Enter the MNP reservation number (10 digits) and its last day.",
        "MNP予約番号(10桁)と有効期限を入力してください。",
        "A number is to be brought along without a reservation (D09).",
    ),
    refused(
        "PORTING_TOO_SHORT",
        409,
        "Your MNP reservation is good for {days} more days; at least {needed} are needed. Please get a new number.",
        "MNP予約番号の有効期限が残り{days}日です。{needed}日以上必要ですので、新しい予約番号を取得してください。",
        "The MNP reservation has {days} days left on the day of activation, {needed} are needed (D09).",
    ),
    refused(
        "PORTING_RESERVATION_REFUSED",
        409,
        "Your MNP reservation number is not valid any more. Please get a new one from your old operator.",
        "MNP予約番号が無効です。現在の携帯電話会社で新しい予約番号を取得してください。",
        "Freebit refused the reservation: FREEBIT_{pair}.",
    ),
    refused(
        "PORTING_IDENTITY_MISMATCH",
        409,
        "Your name or date of birth differs from your old contract. Please correct it.",
        "お名前または生年月日が移転元のご契約と一致しません。ご確認のうえ修正してください。",
        "The old operator's data differs: FREEBIT_{pair}.",
    ),
    refused(
        "PORTING_NOT_OFFERED",
        422,
        "Bringing a number along without a reservation number is not offered. Please get one from your old operator.",
        "MNPワンストップ方式には対応していません。MNP予約番号を取得してください。",
        "One-stop porting is off (PORTAL_PORTING_ONE_STOP).",
    ),
    refused(
        "SIM_CARD_UNKNOWN",
        409,
        _CHECKING_EN,
        _CHECKING_JA,
        "Freebit does not know SIM card {card} or it is used already: FREEBIT_{pair}. Correct the number.",
        owner="staff",
    ),
    later(
        "LINE_BUSY",
        "vendor",
        "Another change of this line is under way. It goes on by itself.",
        "この回線では別の手続きを処理中です。完了後に自動で続行されます。",
        "Another operation of the line is open, here or at Freebit.",
        after=600,
    ),
    refused(
        "SCHEDULE_INVALID",
        422,
        "Choose a time from tomorrow up to {days} days ahead.",
        "明日から{days}日以内の日時を選択してください。",
        "The wanted activation time is in the past or too far ahead (R164).",
    ),
    # eSIM code
    refused(
        "STEP_UP_REQUIRED",
        403,
        "Please sign in again to see this.",
        "表示するには、もう一度ログインしてください。",
        "The sign-in is older than 15 minutes (architecture §9).",
    ),
    refused(
        "ESIM_CODE_NOT_READY",
        409,
        "There is no eSIM code for this order yet. Your phone may find the profile by itself.",
        "このご注文のeSIMコードはまだありません。端末が自動的にプロファイルを検出する場合があります。",
        "The line is not active yet, or Freebit gives no activation code.",
    ),
    refused(
        "ESIM_CODE_ALREADY_SHOWN",
        409,
        "This eSIM code has been shown already. If you need it again, ask for a re-issue.",
        "このeSIMコードはすでに表示済みです。再度必要な場合は再発行をお申し込みください。",
        "An activation code is shown once (D11).",
    ),
    # operators
    refused(
        "OPERATOR_FORBIDDEN",
        403,
        "You may not do this: {permission} is missing.",
        "この操作を行う権限({permission})がありません。",
        "The operator's roles do not grant {permission} (R276).",
        owner="us",
    ),
    refused(
        "OPERATOR_NOT_APPROVED",
        409,
        "Somebody else has to approve this access.",
        "他の担当者による承認が必要です。",
        "Nobody approves their own access, and only an operator may approve (R276).",
        owner="us",
    ),
    refused(
        "ENROLMENT_INVALID",
        409,
        "This enrolment link has expired or was used. Ask for a new one.",
        "この登録リンクは期限切れか使用済みです。",
        "An operator's enrolment token is unknown, used or expired.",
        owner="us",
    ),
    refused(
        "PROVISIONING_ENDED",
        409,
        "This order's provisioning has ended as {status}.",
        _OPERATORS_JA,
        "The command does not fit a process that is {status}.",
        owner="us",
    ),
    refused(
        "PROVISIONING_PAST_PIVOT",
        409,
        "The line is active or being activated: this cannot be undone any more.",
        "開通処理が始まっているため、変更や取消はできません。",
        "After the pivot there is only forward (C19).",
        owner="us",
    ),
    refused(
        "PROVISIONING_NOT_STANDING",
        409,
        "Nothing waits for a decision here.",
        _OPERATORS_JA,
        "The order's protocol is not waiting for a person.",
        owner="us",
    ),
    refused(
        "PROVISIONING_NOT_SCHEDULED",
        409,
        "This order does not wait for a date.",
        _OPERATORS_JA,
        "Activate Now on an order that is not scheduled.",
        owner="us",
    ),
    refused(
        "WHMCS_ORDER_NOT_OURS",
        409,
        "WHMCS order {whmcs_order_id} does not fit this order: {difference}.",
        _OPERATORS_JA,
        "The WHMCS order to link differs: {difference}.",
        owner="us",
    ),
    refused(
        "DRIFT_NOT_REPAIRABLE",
        409,
        "The portal cannot repair this difference; a person has to.",
        _OPERATORS_JA,
        "The difference is of a kind that only a person can repair, or it is gone.",
        owner="us",
    ),
)
