// Loads the page anew when the pipeline says that something changed; says so when nobody answers any more.
const said = document.getElementById("link");
const source = new EventSource(`/events?after=${document.body.dataset.version}`);
source.onmessage = () => location.reload();
source.onerror = () => { said.textContent = "the preview has ended; start it again"; };
source.onopen = () => { said.textContent = "reloads on save"; };
