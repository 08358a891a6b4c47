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
