// The page of the drywire echo server: one peer connection, its media, a text channel, files, and figures.

import { FileReceiver, FileSender, PROTOCOL, transferId } from "/file.js";

const $ = (id) => document.getElementById(id);
const GATHERING_LIMIT = 3000; // ms; a host without network can take for ever to gather
const ANSWER_LIMIT = 15000; // ms
const NOTHING = "–";

/** Everything that belongs to one connection; replaced as a whole on reconnect. */
let session = null;

// ---------------------------------------------------------------------------------------------- connecting

$("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  connect($("source").value);
});
$("hangup").addEventListener("click", () => hangUp());
$("notice-close").addEventListener("click", () => notice(""));
addEventListener("pagehide", () => session?.pc.close());

async function connect(source) {
  hangUp();
  notice("");
  if (typeof RTCPeerConnection !== "function") {
    notice("This browser has no WebRTC, or it has been switched off in its settings.", "error");
    return;
  }
  status("connecting", "Connecting…");
  const mine = { pc: new RTCPeerConnection(), stream: null, timers: [], audio: null, startedAt: 0, ufrag: "" };
  session = mine;
  controls(true);
  try {
    mine.stream = await openSource(source, mine);
    if (session !== mine) return release(mine);
    const pc = mine.pc;
    pc.addEventListener("connectionstatechange", () => session === mine && connectionChanged(mine));
    pc.addEventListener("track", (event) => session === mine && showEcho(mine, event));
    for (const track of mine.stream?.getTracks() ?? []) pc.addTrack(track, mine.stream);
    showOwn(mine);
    openTextChannel(mine);
    transfer?.connect(mine.pc);
    mine.startedAt = performance.now();
    await pc.setLocalDescription();
    await gathered(pc);
    const answer = await askServer(pc.localDescription);
    if (session !== mine) return;
    mine.ufrag = /^a=ice-ufrag:(\S+)/m.exec(answer.sdp)?.[1] ?? "";
    await pc.setRemoteDescription(answer);
    mine.timers.push(setInterval(() => figures(mine), 1000));
    figures(mine);
  } catch (error) {
    if (session !== mine) return;
    hangUp();
    status("failed", "Could not connect");
    notice(explain(error), "error");
  }
}

function hangUp() {
  if (!session) return;
  release(session);
  session = null;
  $("local-video").srcObject = null;
  $("remote-video").srcObject = null;
  $("local-empty").hidden = false;
  $("remote-empty").hidden = false;
  for (const id of ["local-detail", "remote-detail"]) $(id).textContent = "";
  for (const id of ["local-level", "remote-level"]) $(id).value = 0;
  for (const cell of document.querySelectorAll("#figures dd")) cell.textContent = NOTHING;
  transfer?.interrupted();
  status("idle", "Not connected");
  controls(false);
}

function release(old) {
  old.timers.forEach(clearInterval);
  old.stream?.getTracks().forEach((track) => track.stop());
  old.audio?.close();
  old.pc.close();
}

function controls(active) {
  $("hangup").disabled = !active;
  $("connect").textContent = active ? "Reconnect" : "Connect";
  if (!active) for (const id of ["text", "send", "file", "listen"]) $(id).disabled = true;
}

/** Waits until all candidates are in the local description: this server's signalling has no trickle. */
function gathered(pc) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(limit);
      resolve();
    };
    const limit = setTimeout(done, GATHERING_LIMIT);
    const look = () => pc.iceGatheringState === "complete" && done();
    pc.addEventListener("icegatheringstatechange", look);
    look();
  });
}

async function askServer(offer) {
  let response;
  try {
    response = await fetch("/offer", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ type: offer.type, sdp: offer.sdp }),
      signal: AbortSignal.timeout(ANSWER_LIMIT),
    });
  } catch {
    throw new Error("The server did not answer. Is “drywire serve” still running?");
  }
  const body = await response.json().catch(() => null);
  if (!response.ok || !body?.sdp) {
    throw new Error(`The server refused the offer (${response.status}): ${body?.error ?? "it gave no reason"}.`);
  }
  return { type: body.type, sdp: body.sdp };
}

function connectionChanged(mine) {
  const state = mine.pc.connectionState;
  if (state === "connected") {
    mine.setup ??= performance.now() - mine.startedAt;
    status("connected", "Connected");
  } else if (state === "disconnected") {
    status("connecting", "Interrupted, waiting…");
  } else if (state === "failed") {
    status("failed", "Connection lost");
    notice(
      mine.setup
        ? "The connection to the server was lost. Press “Reconnect” to start afresh."
        : "No way to the server's UDP port was found. A firewall may be in between, or a VPN that hides this network.",
      "error",
    );
  }
  figures(mine);
}

// ------------------------------------------------------------------------------------------- picture and sound

/** The stream to send, or `null`. Never throws: whoever has no camera can still send data. */
async function openSource(source, mine) {
  if (source === "data") return null;
  if (source === "pattern") return testPattern(mine);
  if (!navigator.mediaDevices?.getUserMedia) {
    notice(
      "Browsers hand out the camera only on https pages and on localhost, and this page is neither. " +
        "Text and files work all the same; “Test picture and tone” shows the media echo without a camera.",
    );
    return null;
  }
  const attempts = [{ audio: true, video: true }, { video: true }, { audio: true }];
  let first = null;
  for (const constraints of attempts) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia(constraints);
      if (first) notice(constraints.video ? "No microphone was found: the picture goes alone." : "No camera was found: the sound goes alone.");
      return stream;
    } catch (error) {
      first ??= error;
      if (error.name !== "NotFoundError" && error.name !== "NotReadableError") break;
    }
  }
  notice(explain(first) + " Text and files work all the same; “Test picture and tone” shows the media echo without a camera.");
  return null;
}

function explain(error) {
  switch (error?.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "The browser did not allow the camera and microphone. Allow them for this page (the icon beside the address) and press “Reconnect”.";
    case "NotFoundError":
      return "No camera and no microphone were found on this computer.";
    case "NotReadableError":
    case "AbortError":
      return "The camera or microphone could not be started: most often another program is using it.";
    case "OverconstrainedError":
      return "The camera does not support what was asked of it.";
    default:
      return error?.message || String(error);
  }
}

/** A moving picture and a quiet, slowly pulsing tone, for computers without a camera. */
function testPattern(mine) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
  const pen = canvas.getContext("2d");
  const bars = ["#d8dad7", "#c9b458", "#58b5b0", "#5ba869", "#a56bb0", "#b5564c", "#4767ad"];
  const paint = () => {
    bars.forEach((colour, i) => {
      pen.fillStyle = colour;
      pen.fillRect((i * 640) / bars.length, 0, 640 / bars.length + 1, 480);
    });
    const turn = performance.now() / 1000;
    pen.fillStyle = "#15181a";
    pen.fillRect(0, 360, 640, 120);
    pen.beginPath();
    pen.arc(320 + 250 * Math.sin(turn), 300, 34, 0, 7);
    pen.fill();
    pen.fillStyle = "#f6f6f3";
    pen.font = "44px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.fillText(new Date().toLocaleTimeString(), 320, 435);
  };
  paint();
  mine.timers.push(setInterval(paint, 40));
  const stream = canvas.captureStream(25);
  const audio = soundContext(mine);
  if (audio) {
    const [tone, pulse, volume, depth] = [audio.createOscillator(), audio.createOscillator(), audio.createGain(), audio.createGain()];
    tone.frequency.value = 440;
    pulse.frequency.value = 0.7;
    volume.gain.value = 0.12;
    depth.gain.value = 0.1;
    pulse.connect(depth).connect(volume.gain);
    const out = audio.createMediaStreamDestination();
    tone.connect(volume).connect(out);
    tone.start();
    pulse.start();
    stream.addTrack(out.stream.getAudioTracks()[0]);
  }
  return stream;
}

function soundContext(mine) {
  mine.audio ??= globalThis.AudioContext ? new AudioContext() : null;
  mine.audio?.resume();
  return mine.audio;
}

function showOwn(mine) {
  if (!mine.stream) {
    $("local-empty").textContent = "No picture is being sent.";
    return;
  }
  const hasVideo = mine.stream.getVideoTracks().length > 0;
  $("local-video").srcObject = mine.stream;
  $("local-empty").textContent = "Sound only.";
  $("local-empty").hidden = hasVideo;
  $("local-detail").textContent = mine.stream.getTracks().map((track) => track.label || track.kind).join(", ");
  showLevel(mine, mine.stream, $("local-level"));
}

function showEcho(mine, { track, streams }) {
  const video = $("remote-video");
  mine.echo ??= new MediaStream();
  mine.echo.addTrack(track);
  if (video.srcObject !== mine.echo) video.srcObject = mine.echo;
  if (track.kind === "video") track.addEventListener("unmute", () => ($("remote-empty").hidden = true));
  if (track.kind === "audio") {
    $("listen").disabled = false;
    showLevel(mine, streams[0] ?? new MediaStream([track]), $("remote-level"));
  }
}

/** Keeps a meter on the loudness of a stream. */
function showLevel(mine, stream, meter) {
  const audio = stream.getAudioTracks().length ? soundContext(mine) : null;
  if (!audio) return;
  const analyser = audio.createAnalyser();
  analyser.fftSize = 4096; // 85 ms at 48 kHz, so that no short sound falls between two looks
  audio.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const measure = () => {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
    meter.value = power > 0 ? Math.min(1, Math.max(0, 1 + Math.log10(power) / 6)) : 0; // -60 dB to 0 dB
  };
  mine.timers.push(setInterval(measure, 100));
}

$("listen").addEventListener("click", () => {
  const video = $("remote-video");
  video.muted = !video.muted;
  $("listen").setAttribute("aria-pressed", String(!video.muted));
});

// ------------------------------------------------------------------------------------------------------- text

function openTextChannel(mine) {
  const channel = mine.pc.createDataChannel("text");
  mine.text = channel;
  channel.addEventListener("open", () => {
    if (session !== mine) return;
    for (const id of ["text", "send", "file"]) $(id).disabled = false;
    line("note", "The channel is open.");
  });
  channel.addEventListener("message", ({ data }) => line("back", typeof data === "string" ? data : "(binary)"));
  channel.addEventListener("close", () => {
    if (session !== mine) return;
    for (const id of ["text", "send", "file"]) $(id).disabled = true;
    line("note", "The channel is closed.");
  });
}

$("text-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value;
  try {
    session.text.send(text);
    line("out", text);
    $("text").value = "";
  } catch (error) {
    notice(`The message was not sent: ${explain(error)}`, "error");
  }
});

function line(kind, text) {
  const log = $("log");
  const item = document.createElement("li");
  item.className = kind;
  if (kind === "note") {
    item.textContent = text;
  } else {
    const [arrow, body, time] = ["span", "span", "time"].map((name) => document.createElement(name));
    arrow.className = "arrow";
    arrow.textContent = kind === "out" ? "→" : "←";
    arrow.setAttribute("aria-label", kind === "out" ? "sent" : "echoed");
    body.textContent = text;
    time.textContent = new Date().toLocaleTimeString();
    item.append(arrow, body, time);
  }
  log.append(item);
  while (log.children.length > 200) log.firstChild.remove();
  log.scrollTop = log.scrollHeight;
}

// ------------------------------------------------------------------------------------------------------ files

let transfer = null;

/** Why a transfer ended, in the words of the protocol. */
const REASONS = {
  busy: "the server has too many others",
  protocol: "the server and this page do not understand each other",
  storage: "the server could not store it",
  "too-large": "it is larger than the server takes",
};

$("file").addEventListener("change", () => {
  const file = $("file").files[0];
  if (!file || !session) return;
  transfer?.abandon("A new file was chosen.");
  transfer = new Transfer(file);
  transfer.connect(session.pc);
});
$("cancel").addEventListener("click", () => transfer?.abandon("Cancelled."));

/** One file on its way out and back, over a channel of its own. It outlives the connection: the next one resumes it. */
class Transfer {
  constructor(file) {
    this.file = file;
    this.over = false;
    this.startedAt = performance.now();
    const id = transferId();
    const progress = () => this.show();
    this.sender = new FileSender(id, file, {
      progress,
      hash: (hex) => {
        $("hash-sent").textContent = hex;
      },
      done: () => this.finished(),
      failed: (reason) => this.failed(reason),
    });
    this.receiver = new FileReceiver(id, {
      progress,
      done: (hex) => {
        $("hash-returned").textContent = this.returned = hex;
        this.finished();
      },
      failed: (reason) => this.failed(reason),
    });
    $("transfer").hidden = false;
    $("cancel").hidden = false;
    $("hash-sent").textContent = $("hash-returned").textContent = "…";
    result("", `Sending ${file.name}…`);
    this.show();
  }

  /** Begins, or goes on, on a new connection. */
  connect(pc) {
    if (this.over) return;
    const channel = pc.createDataChannel(`file ${this.file.name}`.slice(0, 200), { protocol: PROTOCOL });
    this.channel = channel;
    channel.binaryType = "arraybuffer";
    const current = () => this.channel === channel && !this.over;
    channel.addEventListener("open", () => current() && this.sender.connected(channel, pc.sctp?.maxMessageSize));
    channel.addEventListener("message", ({ data }) => {
      if (!current()) return;
      if (typeof data !== "string") return this.receiver.handleData(channel, new Uint8Array(data));
      this.sender.handleText(data);
      if (current()) this.receiver.handleText(channel, data);
    });
    channel.addEventListener("close", () => current() && this.interrupted());
    if (this.sender.sent) result("", `Going on with ${this.file.name}…`);
  }

  /** The connection is gone: the transfer waits for another. */
  interrupted() {
    this.channel = null;
    if (!this.over) result("", `Interrupted: ${this.file.name} goes on when the page is connected again.`);
  }

  /** One way is done; when both are, so is the transfer. */
  finished() {
    const { hash } = this.sender;
    if (!hash || !this.returned || this.over) return;
    const elapsed = performance.now() - this.startedAt;
    const rate = this.file.size < 1e5 ? "" : `, ${size((2000 * this.file.size) / elapsed)}/s both ways together`;
    this.end();
    if (hash === this.returned) result("good", `✓ The SHA-256 is equal. ${size(this.file.size)} out and back in ${duration(elapsed)}${rate}.`);
    else this.differs();
  }

  failed(reason) {
    if (this.over) return;
    this.end();
    if (reason === "hash-mismatch") this.differs();
    else result("bad", `The file was not sent: ${REASONS[reason] ?? reason}.`);
  }

  differs() {
    result("bad", "✗ What came back is not what was sent: the hashes differ.");
  }

  abandon(reason) {
    if (this.over) return;
    this.over = true;
    this.sender.abandon("cancelled");
    this.end();
    result("bad", reason);
  }

  end() {
    this.over = true;
    this.show();
    this.channel?.close();
    $("cancel").hidden = true;
    $("file").value = "";
  }

  show() {
    for (const [id, bytes, done] of [
      ["sent", this.sender.sent, this.sender.hash],
      ["returned", this.receiver.received, this.returned],
    ]) {
      $(id).value = this.file.size ? bytes / this.file.size : Number(Boolean(done));
      $(`${id}-text`).textContent = `${size(bytes)} of ${size(this.file.size)}`;
    }
  }
}

function result(kind, text) {
  $("file-result").dataset.kind = kind;
  $("file-result").textContent = text;
}

// ---------------------------------------------------------------------------------------------------- figures

async function figures(mine) {
  if (session !== mine) return;
  const pc = mine.pc;
  const [report, server] = await Promise.all([pc.getStats(), serverSide(mine)]);
  if (session !== mine) return;
  const all = [...report.values()];
  const of = (type, kind) => all.find((entry) => entry.type === type && (!kind || entry.kind === kind));
  const transport = of("transport");
  const pair = report.get(transport?.selectedCandidatePairId) ?? all.find((entry) => entry.type === "candidate-pair" && entry.nominated);
  const video = of("inbound-rtp", "video");
  const audio = of("inbound-rtp", "audio");
  const rate = rates(mine, all, transport ?? pair);

  const cells = {
    connection: pc.connectionState,
    ice: pc.iceConnectionState,
    dtls: [transport?.dtlsState, version(transport?.tlsVersion) ?? server?.dtls_version, transport?.dtlsRole && `as ${transport.dtlsRole}`],
    sctp: pc.sctp?.state,
    setup: mine.setup && duration(mine.setup),
    rtt: milliseconds(pair?.currentRoundTripTime),
    cipher: transport?.dtlsCipher ?? server?.cipher_suite,
    group: server?.group && [server.group, server.group.includes("MLKEM") && "post-quantum"],
    srtp: transport?.srtpCipher ?? server?.srtp_profile,
    pair: pair && `${end(report.get(pair.localCandidateId))} → ${end(report.get(pair.remoteCandidateId))}`,
    out: rate && bits(rate.out),
    in: rate && bits(rate.in),
    video: video?.framesDecoded !== undefined && [
      `${video.framesDecoded} frames`,
      video.framesPerSecond && `${video.framesPerSecond.toFixed(0)}/s`,
      codec(report, video),
    ],
    audio: audio?.packetsReceived !== undefined && [`${audio.packetsReceived} packets`, codec(report, audio)],
    lost: (video || audio) && String((video?.packetsLost ?? 0) + (audio?.packetsLost ?? 0)),
  };
  for (const [name, value] of Object.entries(cells)) {
    $(`f-${name}`).textContent = [value].flat().filter(Boolean).join(", ") || NOTHING;
  }
  if (video?.frameWidth) $("remote-detail").textContent = `${video.frameWidth} × ${video.frameHeight}`;
}

/** What the server says about this session; only it knows which key exchange was used. */
async function serverSide(mine) {
  if (mine.server?.group || !mine.ufrag) return mine.server;
  try {
    const { sessions } = await (await fetch("/stats")).json();
    mine.server = sessions.find((entry) => entry.ufrag === mine.ufrag);
  } catch {
    mine.server = null;
  }
  return mine.server;
}

function rates(mine, all, transport) {
  if (transport?.bytesSent === undefined) return null;
  const now = { at: transport.timestamp, out: transport.bytesSent, in: transport.bytesReceived };
  const before = mine.lastBytes;
  mine.lastBytes = now;
  const seconds = before && (now.at - before.at) / 1000;
  return seconds > 0 ? { out: (8 * (now.out - before.out)) / seconds, in: (8 * (now.in - before.in)) / seconds } : null;
}

const version = (hex) => ({ FEFC: "DTLS 1.3", FEFD: "DTLS 1.2", FEFF: "DTLS 1.0" })[hex?.toUpperCase()] ?? hex;
const milliseconds = (seconds) =>
  seconds !== undefined && (seconds < 0.001 ? "under 1 ms" : `${(seconds * 1000).toFixed(0)} ms`);
const codec = (report, stream) => report.get(stream.codecId)?.mimeType.split("/")[1];
const end = (candidate) => {
  const address = candidate?.address || "hidden";
  const host = address.includes(":") ? `[${address}]` : address;
  return candidate ? `${host}:${candidate.port} (${candidate.candidateType}, ${candidate.protocol})` : "?";
};

function bits(rate) {
  if (rate >= 1e6) return `${(rate / 1e6).toFixed(2)} Mbit/s`;
  return `${(rate / 1e3).toFixed(rate < 1e4 ? 1 : 0)} kbit/s`;
}

function duration(ms) {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function size(bytes) {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  if (bytes >= 1e3) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${bytes.toFixed(0)} B`;
}

// ---------------------------------------------------------------------------------------------------- messages

function status(state, text) {
  $("status").dataset.state = state;
  $("status-text").textContent = text;
}

function notice(text, kind = "warning") {
  $("notice").hidden = !text;
  $("notice").dataset.kind = kind;
  $("notice-text").textContent = text;
}
