"use strict";
const outcome = document.getElementById("outcome");

function say(kind, japanese, english) {
  const lines = [["ja", japanese], ["en", english]].filter(([, text]) => text);
  outcome.className = kind;
  outcome.replaceChildren(
    ...lines.map(([language, text]) => {
      const line = document.createElement("span");
      line.lang = language;
      line.textContent = text;
      return line;
    }),
  );
}

function nobodyAnswers() {
  say("bad", "通信できませんでした。もう一度お試しください。", "We could not be reached. Please try again.");
}

// One answer is in one language; the catalogue of problems has both, but not the facts that some texts name.
async function inEnglish(code) {
  const told = await fetch(`/problems/${encodeURIComponent(code)}`);
  const { title, text } = told.ok ? await told.json() : { title: "", text: { en: "" } };
  return text.en.includes("{") ? title : text.en;
}
