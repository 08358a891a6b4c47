"use strict";
const token = new URLSearchParams(location.search).get("token") || "";
const button = document.getElementById("confirm");
const outcome = document.getElementById("outcome");

function say(kind, japanese, english) {
  outcome.className = kind;
  outcome.textContent = japanese + "\n" + english;
}

async function ask(language) {
  return fetch(location.pathname, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept-Language": language },
    body: JSON.stringify({ token }),
  });
}

async function confirm() {
  button.disabled = true;
  say("", "確認しています…", "One moment…");
  try {
    for (let attempt = 0; attempt < 30; attempt += 1) {
      const answer = await ask("ja");
      if (answer.status === 200) {
        history.replaceState(null, "", location.pathname);
        say("good", "確認が完了しました。ログインしてください。", "Done. You can log in now.");
        return;
      }
      if (answer.status !== 202) {
        const english = await ask("en");
        say("bad", (await answer.json()).detail, english.ok ? "" : (await english.json()).detail);
        button.disabled = answer.status < 500;
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
