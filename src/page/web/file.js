// A classic script, for the one case in which no module is loaded: a page opened as a file. It says what to do, once.
"use strict";
if (location.protocol === "file:") {
  addEventListener("DOMContentLoaded", function () {
    var first = document.querySelector("[data-ask], #workbench");
    if (!first || !first.parentNode) return;
    var line = document.createElement("p");
    line.className = "ho-why";
    line.setAttribute("style", "border-inline-start: 3px solid currentColor; padding-inline-start: 0.8em");
    line.textContent = "These figures stand still, because this page is opened as a file. Serve this folder over HTTP, for instance: ";
    var command = document.createElement("code");
    command.textContent = "python3 -m http.server";
    line.appendChild(command);
    first.parentNode.insertBefore(line, first.nextSibling);
  });
}
