const form = document.getElementById("form");
const password = document.getElementById("password");

function welcome() {
  task.hidden = true;
  say("good", "確認が完了しました。ログインしてください。", "Done. You can log in now.");
}

// One answer is in one language; asking again is harmless and gives the other.
async function refuse(answer) {
  const english = await send({}, "en");
  if (english.status === 200) {
    welcome();
    return;
  }
  const [first, second] = [await answer.json(), await english.json()];
  say("bad", first.detail, second.code === first.code ? second.detail : "");
  task.hidden = answer.status < 500 && answer.status !== 429;
}

// A wrong password counts, so it is not sent again for the other language.
async function askAgain(answer) {
  const problem = await answer.json();
  if (problem.code !== "SIGNUP_PASSWORD_WRONG") {
    openTheMailAgain();
    return;
  }
  say("bad", problem.detail, "Please enter the password you chose when you signed up. If you did not sign up, just close this page.");
  password.value = "";
  password.focus();
}

async function confirm() {
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const answer = await send(attempt === 0 ? { password: password.value } : {}, "ja");
    if (answer.status === 200) {
      welcome();
      return;
    }
    if (answer.status === 422) {
      await askAgain(answer);
      return;
    }
    if (answer.status !== 202) {
      await refuse(answer);
      return;
    }
    await new Promise((done) => setTimeout(done, 2000));
  }
  say("", "お手続きに時間がかかっています。しばらくしてからもう一度お試しください。", "This takes longer than usual. Please try again in a while.");
}

offer(form, document.getElementById("confirm"), "確認しています…", "One moment…", confirm);
