"use strict";
const token = new URLSearchParams(location.search).get("token") || "";
const form = document.getElementById("form");
const button = document.getElementById("set");
const outcome = document.getElementById("outcome");
// The token stays out of the address bar and the history; a reload therefore has none and is told so.
history.replaceState(null, "", location.pathname);

function say(kind, japanese, english) {
  outcome.className = kind;
  outcome.replaceChildren(
    ...[["ja", japanese], ["en", english]].map(([language, text]) => {
      const line = document.createElement("span");
      line.lang = language;
      line.textContent = text;
      return line;
    }),
  );
}

async function reason(answer) {
  const problem = await answer.json();
  return problem.errors && problem.errors.length ? problem.errors[0].detail : problem.detail;
}

async function ask(language) {
  const password = document.getElementById("password").value;
  const confirmPassword = document.getElementById("again").value;
  return fetch(location.pathname, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept-Language": language },
    body: JSON.stringify({ token, password, confirmPassword }),
  });
}

async function setPassword(event) {
  event.preventDefault();
  button.disabled = true;
  say("", "設定しています…", "One moment…");
  try {
    const reasons = [];
    for (const language of ["ja", "en"]) {
      const answer = await ask(language);
      if (answer.status === 204) {
        form.hidden = true;
        say("good", "パスワードを設定しました。ログインしてください。", "Done. You can log in with it now.");
        return;
      }
      reasons.push(await reason(answer));
    }
    say("bad", reasons[0], reasons[1]);
  } catch {
    say("bad", "通信できませんでした。もう一度お試しください。", "We could not be reached. Please try again.");
  }
  button.disabled = false;
}

form.addEventListener("submit", setPassword);
if (token === "") {
  form.hidden = true;
  say("bad", "メールのリンクをもう一度開いてください。", "Please open the link in the mail again.");
}
