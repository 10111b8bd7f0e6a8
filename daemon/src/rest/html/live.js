// Without this the page is complete and stands still. With it, it follows the daemon, and the search box hides rows.
const box = document.getElementById("search"), live = document.getElementById("live");
const hide = () => {
  const wanted = box.value.toLowerCase();
  for (const row of document.querySelectorAll("#content .rows > tbody > tr"))
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
};
box.hidden = false;
box.addEventListener("input", hide);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
(async () => {
  let version = document.body.dataset.version;
  for (;;) {
    try {
      const changes = await fetch("/changes?after=" + version);
      if (!changes.ok) throw changes.status;
      const now = (await changes.json()).version;
      if (String(now) !== version) {
        const page = await fetch(location.href, { headers: { accept: "text/html" } });
        const text = await page.text();
        // Only the content: the style of another answer has another nonce.
        const main = text.slice(text.indexOf("<main"), text.indexOf("</main>"));
        const fresh = new DOMParser().parseFromString(main, "text/html");
        // What is being typed is not taken away.
        const content = fresh.getElementById("content"), form = document.querySelector("#content form");
        if (content && form && content.querySelector("form")) content.querySelector("form").replaceWith(form);
        if (content) document.getElementById("content").replaceWith(document.adoptNode(content));
        version = String(now);
        hide();
      }
      live.textContent = "live, " + new Date().toLocaleTimeString();
      await pause(500);
    } catch (error) {
      live.textContent = "no answer since " + new Date().toLocaleTimeString();
      await pause(3000);
    }
  }
})();
