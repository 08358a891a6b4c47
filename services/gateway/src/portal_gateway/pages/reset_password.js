const form = document.getElementById("form");

async function setPassword() {
  const reasons = [];
  const password = document.getElementById("password").value;
  const confirmPassword = document.getElementById("again").value;
  for (const language of ["ja", "en"]) {
    const answer = await send({ password, confirmPassword }, language);
    if (answer.status === 204) {
      task.hidden = true;
      say("good", "パスワードを設定しました。ログインしてください。", "Done. You can log in with it now.");
      return;
    }
    const problem = await answer.json();
    const errors = problem.errors || [];
    if (errors.some(({ field }) => field === "token")) {
      openTheMailAgain();
      return;
    }
    task.hidden = answer.status === 404; // no password helps where the link has ended
    reasons.push(errors.length ? errors[0].detail : problem.detail);
  }
  say("bad", ...reasons);
}

offer(form, document.getElementById("set"), "設定しています…", "One moment…", setPassword);
