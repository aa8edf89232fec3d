// The site's search runs in a worker, which browsers do not start from a file: a hidden frame takes its place there.
// The name is one that mkdocs-material's plugin `offline` looks for, so that it does not load such a script from the network.
"use strict";
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.waiting = [];
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.documentElement.append(this.frame);
      const inner = this.frame.contentWindow;
      const page = inner.document;
      inner.postMessage = (data) => this.tell("message", { data });
      inner.importScripts = (...scripts) =>
        scripts.reduce((done, script) => done.then(() => this.load(page, script)), Promise.resolve());
      inner.addEventListener("error", (event) => this.tell("error", { message: event.message }));
      this.load(page, url).then(() => {
        const waiting = this.waiting;
        this.waiting = null;
        waiting.forEach((data) => this.postMessage(data));
      });
    }

    load(page, url) {
      return new Promise((loaded, failed) => {
        const script = page.createElement("script");
        script.src = new URL(url, location.href);
        script.onload = loaded;
        script.onerror = failed;
        page.head.append(script);
      });
    }

    tell(type, fields) {
      const event = type === "error" ? new ErrorEvent(type, fields) : new MessageEvent(type, fields);
      this.dispatchEvent(event);
      if (typeof this[`on${type}`] === "function") this[`on${type}`](event);
    }

    postMessage(data) {
      if (this.waiting) this.waiting.push(data);
      else this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
