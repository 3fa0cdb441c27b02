// Shows the status page of a run inside another page:
//   <div data-run-status="https://runs.example.org/s/.../"><a href="https://runs.example.org/s/.../">Progress</a></div>
//   <script src="https://runs.example.org/static/status/widget.js" defer></script>
// The link stays where scripts are off, and where this page may not show that one.
(() => {
  const framed = (box) => {
    const url = new URL(box.dataset.runStatus, document.baseURI);
    if (!/^https?:$/.test(url.protocol)) return;
    url.searchParams.set("embed", "1");
    const frame = document.createElement("iframe");
    Object.assign(frame, { src: url.href, width: "100%", height: "0", referrerPolicy: "no-referrer" });
    frame.title = box.textContent.trim() || "Progress";
    frame.style.border = "0";
    addEventListener("message", (event) => {
      if (event.source !== frame.contentWindow || !(event.data?.runStatus > 0)) return;
      for (const other of [...box.children]) other.hidden = other !== frame;
      frame.height = Math.ceil(event.data.runStatus);
    });
    box.append(frame);
  };
  document.querySelectorAll("[data-run-status]").forEach(framed);
})();
