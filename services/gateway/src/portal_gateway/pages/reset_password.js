const form = document.getElementById("form");

async function reason(answer) {
  const problem = await answer.json();
  return problem.errors && problem.errors.length ? problem.errors[0].detail : problem.detail;
}

async function setPassword() {
  const reasons = [];
  const password = document.getElementById("password").value;
  const confirmPassword = document.getElementById("again").value;
  for (const language of ["ja", "en"]) {
    const answer = await send({ password, confirmPassword }, language);
    if (answer.status === 204) {
      form.hidden = true;
      say("good", "パスワードを設定しました。ログインしてください。", "Done. You can log in with it now.");
      return;
    }
    reasons.push(await reason(answer));
  }
  say("bad", ...reasons);
}

offer(form, document.getElementById("set"), "設定しています…", "One moment…", setPassword);
