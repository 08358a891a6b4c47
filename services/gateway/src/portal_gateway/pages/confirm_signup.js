const button = document.getElementById("confirm");

function welcome() {
  button.hidden = true;
  say("good", "確認が完了しました。ログインしてください。", "Done. You can log in now.");
}

// One answer is in one language; asking again is harmless and gives the other.
async function refuse(answer) {
  const english = await send({}, "en");
  if (english.status === 200) {
    welcome();
    return;
  }
  say("bad", (await answer.json()).detail, (await english.json()).detail || "");
  button.hidden = answer.status < 500 && answer.status !== 429;
}

async function confirm() {
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const answer = await send({}, "ja");
    if (answer.status === 200) {
      welcome();
      return;
    }
    if (answer.status === 422) {
      openTheMailAgain(button);
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

offer(button, button, "確認しています…", "One moment…", confirm);
