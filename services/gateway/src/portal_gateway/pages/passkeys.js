const parts = Object.fromEntries(
  ["signed-out", "signed-in", "log-in", "passkeys", "add", "name", "prove", "password", "code"].map((id) => [id, document.getElementById(id)]),
);
let csrfToken = "";
// What was wanted when the portal asked for a proof: it goes on by itself afterwards.
let waiting = null;

class Refusal extends Error {
  constructor(problem) {
    super(problem.detail);
    this.code = problem.code;
  }

  // One answer is in one language; the catalogue of problems has both.
  async inEnglish() {
    const told = await fetch(`/problems/${encodeURIComponent(this.code)}`);
    return told.ok ? (await told.json()).title : "";
  }
}

async function ask(method, path, body) {
  const headers = { "Accept-Language": "ja", "X-CSRF-Token": csrfToken, "Idempotency-Key": crypto.randomUUID() };
  if (body) {
    headers["Content-Type"] = "application/json";
  }
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  csrfToken = answer.headers.get("X-CSRF-Token") || csrfToken;
  const found = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) {
    throw new Refusal(found);
  }
  return found;
}

async function attempt(work) {
  say("", "お待ちください…", "One moment…");
  try {
    await work();
  } catch (error) {
    if (error.code === "STEP_UP_REQUIRED") {
      waiting = work;
      parts.prove.hidden = false;
      parts.password.focus();
      say("", "続けるには、ご本人であることを確認してください。", "Please confirm that it is you to go on.");
    } else if (error instanceof Refusal) {
      say("bad", error.message, await error.inEnglish());
    } else if (error.name === "NotAllowedError") {
      say("bad", "パスキーは使われませんでした。もう一度お試しください。", "No passkey was used. Please try again.");
    } else if (error.name === "InvalidStateError") {
      say("bad", "この端末のパスキーは登録済みです。", "This device has a passkey here already.");
    } else {
      nobodyAnswers();
    }
  }
}

function listed(passkey) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = passkey.name;
  const remove = document.createElement("button");
  remove.type = "button";
  remove.textContent = "削除 / Remove";
  remove.setAttribute("aria-label", `${passkey.name} を削除 / Remove ${passkey.name}`);
  remove.addEventListener("click", () =>
    attempt(async () => {
      await ask("DELETE", `/me/passkeys/${encodeURIComponent(passkey.passkeyId)}`);
      await show();
      say("good", "パスキーを削除しました。", "The passkey is removed.");
    }),
  );
  item.append(name, remove);
  return item;
}

async function show() {
  const factors = await ask("GET", "/me/second-factors");
  parts.passkeys.replaceChildren(...factors.passkeys.map(listed));
}

async function open() {
  try {
    await ask("GET", "/me"); // its answer carries the CSRF token
    await show();
    parts["signed-in"].hidden = false;
    parts["signed-out"].hidden = true;
  } catch (error) {
    if (!(error instanceof Refusal)) {
      nobodyAnswers();
      return;
    }
    parts["signed-out"].hidden = false;
  }
}

async function logIn() {
  const challenge = await ask("POST", "/auth/passkey/begin");
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(challenge.options);
  const credential = await navigator.credentials.get({ publicKey });
  await ask("POST", "/auth/passkey", { answer: { challengeId: challenge.challengeId, credential: credential.toJSON() } });
  await open();
  say("good", "ログインしました。", "You are logged in.");
}

async function add() {
  const challenge = await ask("POST", "/me/passkeys/begin");
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(challenge.options);
  const credential = await navigator.credentials.create({ publicKey });
  const answer = { challengeId: challenge.challengeId, credential: credential.toJSON() };
  await ask("POST", "/me/passkeys", { answer, name: parts.name.value });
  parts.add.reset();
  await show();
  say("good", "パスキーを登録しました。次回からこのパスキーでログインできます。", "The passkey is added. You can log in with it from now on.");
}

async function prove() {
  const code = parts.code.value.trim();
  const proof = { password: parts.password.value, ...(code && { code }) };
  await ask("POST", "/auth/step-up", proof);
  await ask("GET", "/me"); // the session has another CSRF token now
  parts.prove.reset();
  parts.prove.hidden = true;
  await attempt(waiting);
}

parts["log-in"].addEventListener("click", () => attempt(logIn));
for (const [form, work] of [["add", add], ["prove", prove]]) {
  parts[form].addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(work);
  });
}
if (window.PublicKeyCredential && PublicKeyCredential.parseCreationOptionsFromJSON) {
  open();
} else {
  say("bad", "お使いのブラウザはパスキーに対応していません。", "Your browser does not know passkeys.");
}
