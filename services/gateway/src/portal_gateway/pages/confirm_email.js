const button = document.getElementById("confirm");

async function confirm() {
  const answer = await send({}, "ja");
  task.hidden = answer.status < 500 && answer.status !== 429;
  if (answer.status === 204) {
    say("good", "変更が完了しました。新しいメールアドレスでログインしてください。", "Done. Log in with the new address from now on.");
  } else if (answer.status === 422) {
    openTheMailAgain();
  } else if (answer.status === 404) {
    say("bad", "このリンクは無効です。もう一度メールアドレスの変更をお試しください。", "This link is used up or too old. Please change your e-mail address again.");
  } else {
    say("bad", "ただいま変更できません。しばらくしてからもう一度お試しください。", "This does not work right now. Please try again in a while.");
  }
}

offer(button, button, "変更しています…", "One moment…", confirm);
