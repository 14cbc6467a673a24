addEventListener("pageshow", () => {
  const editions = new EventSource("EDITIONS");
  editions.onmessage = e => { if (e.data !== "NUMBER") location.reload(); };
  editions.addEventListener("problem", e => {
    let banner = document.getElementById("halfopen-problem");
    if (!banner) {
      banner = document.createElement("pre");
      banner.id = "halfopen-problem";
      banner.setAttribute("role", "alert");
      banner.style.cssText = "position: fixed; inset: auto 0 0 0; z-index: 1000; margin: 0; padding: 1rem; max-height: 40vh;"
        + " overflow: auto; white-space: pre-wrap; font: 14px/1.4 monospace; color: #fff; background: #8b1a1a";
      document.body.append(banner);
    }
    banner.textContent = `Not built anew; this is the last good book.\n${e.data}`;
  });
  addEventListener("pagehide", () => editions.close(), { once: true });
});
