const parts = Object.fromEntries(
  ["signed-out", "signed-in", "log-in", "passkeys", "add", "name", "proofs", "prove-by-passkey", "prove", "password", "code"].map((id) => [
    id,
    document.getElementById(id),
  ]),
);
let csrfToken = "";
// The host whose passkeys the portal asks for.
let host = "";
let busy = false;
// What was wanted when the portal asked for a proof: it goes on by itself afterwards.
let waiting = null;

class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail);
    this.status = status;
    this.code = problem.code;
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
    throw new Refusal(answer.status, found);
  }
  return found;
}

// `wrong` says in both languages what CREDENTIALS_WRONG means here.
async function attempt(work, wrong) {
  say("", "お待ちください…", "One moment…");
  try {
    await work();
  } catch (error) {
    if (error.code === "STEP_UP_REQUIRED") {
      waiting = work;
      parts["prove-by-passkey"].hidden = parts.passkeys.querySelector("button") === null;
      parts.proofs.hidden = false;
      (parts["prove-by-passkey"].hidden ? parts.password : parts["prove-by-passkey"]).focus();
      say("", "続けるには、ご本人であることを確認してください。", "Please confirm that it is you to go on.");
    } else if (error.code === "CREDENTIALS_WRONG" && wrong) {
      say("bad", ...wrong);
    } else if (error instanceof Refusal) {
      say("bad", error.message, await inEnglish(error.code));
      if (error.status === 401 && !parts["signed-in"].hidden && error.code.startsWith("SESSION_")) {
        signedOut();
      }
    } else if (error.name === "NotAllowedError") {
      say("bad", "パスキーは使われませんでした。もう一度お試しください。", "No passkey was used. Please try again.");
    } else if (error.name === "InvalidStateError") {
      say("bad", "この端末のパスキーは登録済みです。", "This device has a passkey here already.");
    } else if (error.name === "SecurityError") {
      say("bad", `このアドレスではパスキーを使えません。${host} でこのページを開いてください。`, `Passkeys do not work at this address. Open this page at ${host} instead.`);
    } else {
      nobodyAnswers();
    }
  }
}

async function press(work, wrong) {
  if (!busy) {
    busy = true;
    await attempt(work, wrong);
    busy = false;
  }
}

function bilingual(japanese, english) {
  return [["ja", japanese], ["en", english]].map(([language, text]) => {
    const words = document.createElement("span");
    words.lang = language;
    words.textContent = text;
    return words;
  });
}

function listed(passkey) {
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = passkey.name;
  const remove = document.createElement("button");
  remove.type = "button";
  remove.append(...bilingual("削除 ", "Remove"));
  remove.setAttribute("aria-label", `${passkey.name} を削除 Remove ${passkey.name}`);
  remove.addEventListener("click", () =>
    press(async () => {
      await ask("DELETE", `/me/passkeys/${encodeURIComponent(passkey.passkeyId)}`);
      await show();
      say("good", "パスキーを削除しました。端末に残っているパスキーも削除してください。", "The passkey is removed. Delete it on your device, too.");
    }),
  );
  item.append(name, remove);
  return item;
}

function none() {
  const item = document.createElement("li");
  const words = document.createElement("span");
  words.append(...bilingual("登録済みのパスキーはありません。", "You have no passkey yet."));
  item.append(words);
  return item;
}

async function show() {
  const { passkeys } = await ask("GET", "/me/second-factors");
  parts.passkeys.replaceChildren(...(passkeys.length ? passkeys.map(listed) : [none()]));
}

function signedOut() {
  parts["signed-out"].hidden = false;
  parts["signed-in"].hidden = true;
  parts.proofs.hidden = true;
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
    signedOut();
  }
}

async function signed() {
  const challenge = await ask("POST", "/auth/passkey/begin");
  host = challenge.options.rpId;
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(challenge.options);
  const credential = await navigator.credentials.get({ publicKey });
  return { challengeId: challenge.challengeId, credential: credential.toJSON() };
}

async function logIn() {
  await ask("POST", "/auth/passkey", { answer: await signed() });
  await open();
  say("good", "ログインしました。", "You are logged in.");
}

async function add() {
  const challenge = await ask("POST", "/me/passkeys/begin");
  host = challenge.options.rp.id;
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(challenge.options);
  const credential = await navigator.credentials.create({ publicKey });
  const answer = { challengeId: challenge.challengeId, credential: credential.toJSON() };
  await ask("POST", "/me/passkeys", { answer, name: parts.name.value });
  parts.add.reset();
  await show();
  say("good", "パスキーを登録しました。次回からこのパスキーでログインできます。", "The passkey is added. You can log in with it from now on.");
}

async function goOn(proof) {
  await ask("POST", "/auth/step-up", proof);
  await ask("GET", "/me"); // the session has another CSRF token now
  parts.prove.reset();
  parts.proofs.hidden = true;
  await attempt(waiting);
}

async function proveByPassword() {
  const code = parts.code.value.trim();
  await goOn({ password: parts.password.value, ...(code && { code }) });
}

async function proveByPasskey() {
  await goOn({ passkey: await signed() });
}

const wrongPassword = ["パスワードまたは認証コードが正しくありません。", "The password or the code is wrong."];
const wrongPasskey = [
  "このパスキーは使えません。パスワードでログインまたは確認して、登録し直してください。",
  "This passkey is not known here. Use your password instead and add the passkey again.",
];
for (const [button, work] of [["log-in", logIn], ["prove-by-passkey", proveByPasskey]]) {
  parts[button].addEventListener("click", () => press(work, wrongPasskey));
}
for (const [form, work] of [["add", add], ["prove", proveByPassword]]) {
  parts[form].addEventListener("submit", (event) => {
    event.preventDefault();
    press(work, wrongPassword);
  });
}
if (!window.PublicKeyCredential || !PublicKeyCredential.parseCreationOptionsFromJSON) {
  say("bad", "お使いのブラウザはパスキーに対応していません。ブラウザを最新版に更新してください。", "Your browser does not know passkeys. Please update it.");
} else if (/(?:^|; )(?:__Host-)?portal_csrf=[^;]/.test(document.cookie)) {
  open();
} else {
  signedOut(); // without the page's cookie there is no session to ask about
}
