// The token stays out of the address bar and the history; a reload therefore has none and is told so.
const token = new URLSearchParams(location.search).get("token") || "";
history.replaceState(null, "", location.pathname);
// What the page asks for: it goes when there is nothing left to do.
const task = document.getElementById("task");

function openTheMailAgain() {
  task.hidden = true;
  say("bad", "リンクが途中で切れているようです。メールのリンクをもう一度開いてください。", "The link seems to be incomplete. Please open the link in the mail again.");
}

function send(fields, language) {
  return fetch(location.pathname, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Accept-Language": language },
    body: JSON.stringify({ token, ...fields }),
  });
}

// The one thing a mail's page is for; its button waits meanwhile, and nothing is sent before somebody presses it.
function offer(entry, button, japanese, english, work) {
  entry.addEventListener(entry === button ? "click" : "submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    say("", japanese, english);
    try {
      await work();
    } catch {
      nobodyAnswers();
    }
    button.disabled = false;
  });
  if (token === "") {
    openTheMailAgain();
  }
}
