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

function welcome() {
  button.hidden = true;
  say("good", "確認が完了しました。ログインしてください。", "Done. You can log in now.");
}

async function ask(language) {
  return fetch(location.pathname, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept-Language": language },
    body: JSON.stringify({ token }),
  });
}

// One answer is in one language; asking again is harmless and gives the other.
async function refuse(answer) {
  const english = await ask("en");
  if (english.status === 200) {
    welcome();
    return;
  }
  say("bad", (await answer.json()).detail, (await english.json()).detail || "");
  const final = answer.status < 500 && answer.status !== 429;
  button.hidden = final;
  button.disabled = final;
}

async function confirm() {
  button.disabled = true;
  say("", "確認しています…", "One moment…");
  try {
    for (let attempt = 0; attempt < 30; attempt += 1) {
      const answer = await ask("ja");
      if (answer.status === 200) {
        welcome();
        return;
      }
      if (answer.status === 422) {
        openTheMailAgain();
        return;
      }
      if (answer.status !== 202) {
        await refuse(answer);
        return;
      }
      await new Promise((done) => setTimeout(done, 2000));
    }
    say("", "お手続きに時間がかかっています。しばらくしてからもう一度お試しください。", "This takes longer than usual. Please try again in a while.");
  } catch {
    say("bad", "通信できませんでした。もう一度お試しください。", "We could not be reached. Please try again.");
  }
  button.disabled = false;
}

button.addEventListener("click", confirm);
if (token === "") {
  openTheMailAgain();
}
