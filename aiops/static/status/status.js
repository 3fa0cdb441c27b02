// Keeps the page true: by a stream, or by asking.
const box = document.querySelector("[data-stream]");
const at = (name) => box.querySelector(`[data-is=${name}]`);
const lost = at("lost"), link = at("result"), list = box.querySelector("ol");
let wait = 2e3, tag = "", live, over, timer;

const show = (seen) => {
	over = seen.is_final;
	box.className = `uw mood-${seen.mood}`;
	for (const name of "headline sentence count hint partial promise".split(" "))
		if (at(name).textContent !== seen[name]) at(name).textContent = seen[name];
	document.title = seen.headline;
	box.querySelector("progress").value = seen.percent;
	list.replaceChildren(...seen.parts.map(({ says, place }) => Object.assign(document.createElement("li"), {
		className: place,
		textContent: `${says} ${list.dataset[place] || ""}`,
		ariaCurrent: place === "now" && "step",
	})));
	link.hidden = !(link.href = seen.result_url);
	lost.hidden = true;
};

const again = () => {
	clearTimeout(timer);
	if (!live && !over) timer = document.hidden ? setTimeout(again, 3e3) : setTimeout(ask, wait);
};
const ask = async () => {
	try {
		const got = await fetch("state/" + location.search, { headers: { "If-None-Match": tag } });
		if (got.status === 404) location.reload();
		if (!got.ok && got.status !== 304) throw got;
		wait = got.ok ? 2e3 : Math.min(wait * 1.3, 1e4);
		tag = got.headers.get("ETag");
		if (got.ok) show(await got.json());
		lost.hidden = true;
	} catch {
		wait = Math.min(wait * 2, 3e4);
		lost.hidden = false;
	}
	again();
};

const source = new EventSource(box.dataset.stream + location.pathname.split("/").at(-2) + location.search.replace("?", "&"));
source.addEventListener("status", ({ data }) => {
	live = true;
	show(JSON.parse(data));
	if (over) source.close();
});
source.onerror = () => {
	if (live !== false) again((live = false));
};
