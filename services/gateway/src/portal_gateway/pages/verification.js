const again = document.getElementById("again");
// Where the provider sends the browser back to. What it brings leaves the address bar and the history at once; it counts
// for the session alone that began the check, so it is passed on without waiting for a button.
const brought = new URLSearchParams(location.search);
history.replaceState(null, "", location.pathname);
const form = Object.fromEntries(["state", "code", "error", "iss"].filter((name) => brought.get(name)).map((name) => [name, brought.get(name)]));

async function conclude() {
  const me = await fetch("/me"); // its answer carries the CSRF token
  const headers = {
    "Accept-Language": "ja",
    "Content-Type": "application/json",
    "X-CSRF-Token": me.headers.get("X-CSRF-Token") || "",
  };
  const answer = await fetch("/auth/verification", { method: "POST", headers, body: JSON.stringify(form) });
  const found = await answer.json();
  again.hidden = answer.status < 500 && answer.status !== 429 && found.code !== "IN_PROGRESS";
  if (!answer.ok) {
    say("bad", found.detail, await inEnglish(found.code));
  } else if (found.outcome === "alike") {
    say("good", "本人確認が完了しました。このページを閉じてください。", "Your identity is verified. You can close this page.");
  } else {
    say("bad", "ご登録の内容と一致しない項目があります。担当者が確認いたします。", "Something differs from what we have on file. Our staff will look at it.");
  }
}

async function attempt() {
  again.disabled = true;
  say("", "確認しています…", "One moment…");
  try {
    await conclude();
  } catch {
    again.hidden = false;
    nobodyAnswers();
  }
  again.disabled = false;
}

again.addEventListener("click", attempt);
if (form.state) {
  attempt();
} else {
  say("bad", "本人確認の画面からもう一度お試しください。", "Please start the identity check again.");
}
