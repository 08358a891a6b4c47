"use strict";
const token = new URLSearchParams(location.search).get("token") || "";
const button = document.getElementById("confirm");
const outcome = document.getElementById("outcome");
// The token stays out of the address bar; a reload therefore has none and says so below.
history.replaceState(null, "", location.pathname);

function say(kind, japanese, english) {
  const lines = [["ja", japanese], ["en", english]].filter(([, text]) => text);
  outcome.className = kind;
  outcome.replaceChildren(
    ...lines.map(([language, text]) => {
      const line = document.createElement("span");
      line.lang = language;
      line.textContent = text;
      return line;
    }),
  );
}

function openTheMailAgain() {
  button.hidden = true;
  say("bad", "リンクが途中で切れているようです。メールのリンクをもう一度開いてください。", "The link seems to be incomplete. Please open the link in the mail again.");
}

async function confirm() {
  button.disabled = true;
  say("", "変更しています…", "One moment…");
  try {
    const answer = await fetch(location.pathname, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    button.hidden = answer.status < 500 && answer.status !== 429;
    if (answer.status === 204) {
      say("good", "変更が完了しました。新しいメールアドレスでログインしてください。", "Done. Log in with the new address from now on.");
    } else if (answer.status === 422) {
      openTheMailAgain();
    } else if (answer.status === 404) {
      say("bad", "このリンクは無効です。もう一度メールアドレスの変更をお試しください。", "This link is used up or too old. Please change your e-mail address again.");
    } else {
      say("bad", "ただいま変更できません。しばらくしてからもう一度お試しください。", "This does not work right now. Please try again in a while.");
    }
  } catch {
    say("bad", "通信できませんでした。もう一度お試しください。", "We could not be reached. Please try again.");
  }
  button.disabled = false;
}

button.addEventListener("click", confirm);
if (token === "") {
  openTheMailAgain();
}
